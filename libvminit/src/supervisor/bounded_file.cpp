// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bounded_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::supervisor {

namespace {

// O_NOFOLLOW and O_NONBLOCK: whoever can write to the directory cannot point us at another file or at a FIFO that
// hangs.
result<unique_fd> open_for_append(const std::string& path) {
    constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    auto file = syscalls::open(path, flags, 0640);
    if (file || file.error().kind() != errc::not_found) return file;
    auto made = make_directories(path.substr(0, path.rfind('/')), 0755);
    if (!made) return made.error();
    return syscalls::open(path, flags, 0640);
}

}  // namespace

result<void> append_bounded(const std::string& path, std::string_view data, std::size_t limit) {
    auto file = open_for_append(path);
    if (!file) return file.error();
    struct stat status{};
    auto known = syscalls::check("fstat", path, [&] { return ::fstat(file->get(), &status); });
    if (!known) return known.error();
    if (status.st_size > 0 && static_cast<std::size_t>(status.st_size) + data.size() > limit) {
        std::string older = path + ".1";
        auto moved = syscalls::check("rename", path, [&] { return ::rename(path.c_str(), older.c_str()); });
        if (!moved) return moved.error();
        file = open_for_append(path);
        if (!file) return file.error();
    }
    return syscalls::write_all(file->get(), data, path);
}

}  // namespace vminit::supervisor
