#include "process/host_ends.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vminit/core/file.hpp"
#include "vminit/core/null_device.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::process {

result<std::shared_ptr<stdio_end>> host_ends::open(const stdio_target& target) {
    if (target.scheme == stdio_scheme::stream) return open_stream(target.stream);
    return open_fifo(target.path);
}

result<std::shared_ptr<stdio_end>> host_ends::open_stream(const std::string& name) {
    if (auto known = claimed_.find(name); known != claimed_.end()) {
        auto copied =
            syscalls::check("dup", "stream " + name, [&] { return ::fcntl(known->second->fd(), F_DUPFD_CLOEXEC, 0); });
        if (!copied) return copied.error();
        return stdio_end::adopt(environment_.ex(), unique_fd(static_cast<int>(*copied)), end_kind::socket);
    }
    auto socket = environment_.streams.claim(name);
    if (!socket) return socket.error();
    error_code failure;
    unique_fd fd(socket->release(failure));
    if (failure) return error(failure, "take over stream " + name);
    auto end = stdio_end::adopt(environment_.ex(), std::move(fd), end_kind::socket);
    if (end) claimed_.emplace(name, *end);
    return end;
}

result<std::shared_ptr<stdio_end>> host_ends::open_fifo(const std::string& path) {
    struct stat status{};
    auto found = syscalls::check("stat", path, [&] { return ::stat(path.c_str(), &status); });
    if (!found) return found.error();
    // Opening anything else could block, or do what opening a device does.
    if (!S_ISFIFO(status.st_mode)) return error(errc::invalid_argument, path + ": not a fifo");
    // Both ways, so that the host's end may be opened, closed and opened again (fifo(7)).
    auto fd = syscalls::open(path, O_RDWR | O_NONBLOCK);
    if (!fd) return fd.error();
    return stdio_end::adopt(environment_.ex(), std::move(*fd), end_kind::pipe);
}

result<unique_fd> host_ends::open_file(const std::string& path) {
    auto parent = path.substr(0, path.rfind('/'));
    if (!parent.empty()) {
        if (auto made = make_directories(parent, 0755); !made) return made.error();
    }
    // Non-blocking only for the opening, in case it is a fifo after all.
    auto fd = syscalls::open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK, 0600);
    if (!fd) return fd.error();
    auto set = syscalls::check("fcntl", path, [&] { return ::fcntl(fd->get(), F_SETFL, O_APPEND); });
    if (!set) return set.error();
    return std::move(*fd);
}

result<unique_fd> host_ends::open_null() { return open_null_device(); }

}  // namespace vminit::process
