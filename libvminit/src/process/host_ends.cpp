// SPDX-License-Identifier: Apache-2.0
#include "process/host_ends.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/null_device.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::process {

namespace {

result<unique_fd> fifo_at(const std::string& path) {
    struct stat status{};
    auto found = syscalls::check("stat", path, [&] { return ::stat(path.c_str(), &status); });
    if (!found) return found.error();
    // Opening anything else could block, or do what opening a device does.
    if (!S_ISFIFO(status.st_mode)) return error(errc::invalid_argument, path + ": not a fifo");
    // Both ways, so that the host's end may be opened, closed and opened again (fifo(7)).
    return syscalls::open(path, O_RDWR | O_NONBLOCK);
}

result<opened_file> file_at(const std::string& path) {
    auto parent = path.substr(0, path.rfind('/'));
    if (!parent.empty()) {
        if (auto made = make_directories(parent, 0755); !made) return made.error();
    }
    // Non-blocking only for the opening, in case it is a fifo after all.
    auto fd = syscalls::open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0600);
    if (!fd) return fd.error();
    auto set = syscalls::check("fcntl", path, [&] { return ::fcntl(fd->get(), F_SETFL, O_APPEND); });
    if (!set) return set.error();
    struct stat status{};
    auto known = syscalls::check("fstat", path, [&] { return ::fstat(fd->get(), &status); });
    if (!known) return known.error();
    opened_file file;
    file.fd = std::move(*fd);
    file.is_regular = S_ISREG(status.st_mode);
    return file;
}

}  // namespace

awaitable<result<std::shared_ptr<stdio_end>>> host_ends::open(stdio_target target) {
    if (target.scheme == stdio_scheme::stream) co_return open_stream(target.stream);
    if (target.scheme == stdio_scheme::log) co_return open_log();
    co_return co_await open_fifo(target.path);
}

awaitable<result<std::shared_ptr<stdio_end>>> host_ends::open_fifo(std::string path) {
    auto& pool = asio::use_service<blocking_service>(environment_.context);
    auto what = "open " + path;
    auto job = [path] { return fifo_at(path); };
    auto opening = pool.run(blocking_lane::files, std::move(job), what);
    auto fd = co_await with_timeout(std::move(opening), environment_.limits.mount, what);
    if (!fd) co_return fd.error();
    co_return stdio_end::adopt(environment_.ex(), std::move(*fd), end_kind::pipe);
}

awaitable<result<opened_file>> host_ends::open_file(std::string path) {
    auto& pool = asio::use_service<blocking_service>(environment_.context);
    auto what = "open " + path;
    auto job = [path] { return file_at(path); };
    auto opening = pool.run(blocking_lane::files, std::move(job), what);
    co_return co_await with_timeout(std::move(opening), environment_.limits.mount, what);
}

result<std::shared_ptr<stdio_end>> host_ends::adopt(opened_file file) {
    if (file.is_regular) return stdio_end::adopt_file(environment_, std::move(file.fd));
    return stdio_end::adopt(environment_.ex(), std::move(file.fd), end_kind::pipe);
}

result<std::shared_ptr<stdio_end>> host_ends::open_stream(const std::string& name) {
    if (auto known = claimed_.find(name); known != claimed_.end()) {
        auto copied =
            syscalls::check("dup", "stream " + name, [&] { return ::fcntl(known->second->fd(), F_DUPFD_CLOEXEC, 0); });
        if (!copied) return copied.error();
        return stdio_end::adopt(environment_.ex(), unique_fd(static_cast<int>(*copied)), end_kind::socket);
    }
    auto end = claim(name);
    if (end) claimed_.emplace(name, *end);
    return end;
}

result<std::shared_ptr<stdio_end>> host_ends::claim(const std::string& name) {
    auto socket = environment_.streams.claim(name);
    if (!socket) return socket.error();
    error_code failure;
    unique_fd fd(socket->release(failure));
    if (failure) return error(failure, "take over stream " + name);
    return stdio_end::adopt(environment_.ex(), std::move(fd), end_kind::socket);
}

result<std::shared_ptr<stdio_end>> host_ends::open_log() {
    if (!log_) {
        auto made = environment_.logs.make(environment_.ex());
        if (!made) return made.error();
        log_ = std::move(*made);
    }
    return stdio_end::adopt_log(environment_.ex(), log_);
}

result<unique_fd> host_ends::open_null() { return open_null_device(); }

}  // namespace vminit::process
