// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/syscalls.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>

#include <boost/system/system_error.hpp>
#include <boost/throw_exception.hpp>

namespace vminit {

void throw_exception_from_error(const error& failure, const boost::source_location& where) {
    boost::throw_exception(boost::system::system_error(failure.code(), failure.context()), where);
}

namespace syscalls {

namespace {
std::atomic<fault_hook> installed_hook{nullptr};  // a test sets it while jobs run in the lanes
}

void set_fault_hook(fault_hook hook) noexcept { installed_hook.store(hook, std::memory_order_relaxed); }

namespace detail {

int injected_fault(std::string_view name) noexcept {
    auto hook = installed_hook.load(std::memory_order_relaxed);
    return hook == nullptr ? 0 : hook(name);
}

error_code errno_code(int value) noexcept { return {value, boost::system::system_category()}; }

error_code last_error() noexcept { return errno_code(errno); }

bool interrupted() noexcept { return errno == EINTR; }

}  // namespace detail

bool is_errno(const error& failure, int value) noexcept { return failure.code() == detail::errno_code(value); }

result<unique_fd> open(const std::string& path, int flags, mode_t mode) {
    auto fd = check("open", path, [&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode); });
    if (!fd) return fd.error();
    return unique_fd(static_cast<int>(*fd));
}

result<pipe_pair> pipe(int flags) {
    int ends[2] = {-1, -1};
    auto made = check("pipe2", {}, [&] { return ::pipe2(ends, flags | O_CLOEXEC); });
    if (!made) return made.error();
    return pipe_pair{unique_fd(ends[0]), unique_fd(ends[1])};
}

result<void> write_all(int fd, std::string_view data, std::string_view object) {
    while (!data.empty()) {
        auto written = check("write", object, [&] { return ::write(fd, data.data(), data.size()); });
        if (!written) return written.error();
        data.remove_prefix(static_cast<std::size_t>(*written));
    }
    return {};
}

}  // namespace syscalls
}  // namespace vminit
