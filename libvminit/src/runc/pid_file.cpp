// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/pid_file.hpp"

#include <unistd.h>

#include <cerrno>

#include "runc/in_quotes.hpp"
#include "runc/runtime_error.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit::runc {

namespace {

// A pid has at most 7 digits (PID_MAX_LIMIT); what is longer is only read to be shown.
constexpr std::size_t max_pid_file = 64;

result<void> remove_if_there(const std::string& path) {
    auto removed = syscalls::check("unlink", path, [&] { return ::unlink(path.c_str()); });
    if (!removed && removed.error().code().value() != ENOENT) return removed.error();
    return {};
}

}  // namespace

result<pid_t> read_pid_file(const std::string& path) {
    auto text = read_file(path, max_pid_file);
    if (!text) return error(errc::unknown, os_text(text.error()));
    if (text->empty()) return error(errc::unknown, "pid file " + path + ": empty");
    auto pid = parse_number<pid_t>(*text);
    if (!pid || *pid <= 0) return error(errc::unknown, "pid file " + path + ": invalid pid " + in_quotes(*text));
    return *pid;
}

result<void> remove_stale_pid_file(const std::string& path) {
    auto slash = path.rfind('/') + 1;
    auto removed = remove_if_there(path.substr(0, slash) + "." + path.substr(slash));
    if (!removed) return removed;
    return remove_if_there(path);
}

}  // namespace vminit::runc
