// SPDX-License-Identifier: Apache-2.0
#include "server_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "vminit/core/local_socket.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::shim {

namespace {

constexpr int backlog = 128;

// Empty if nobody takes connections there.
unique_fd connect_to(const std::string& path) {
    auto address = local_address(path);
    auto socket = open_local_socket();
    if (!address || !socket) return {};
    auto connected = syscalls::raw("connect", [&] {
        return ::connect(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    });
    return connected ? std::move(*socket) : unique_fd();
}

}  // namespace

bool is_served(const std::string& path) { return static_cast<bool>(connect_to(path)); }

bool stays_served(const std::string& path, std::chrono::milliseconds patience) {
    auto socket = connect_to(path);
    if (!socket) return false;
    // A ttrpc server never speaks first: what comes is the end.
    struct pollfd end{socket.get(), POLLIN, 0};
    return ::poll(&end, 1, static_cast<int>(patience.count())) == 0;
}

result<unique_fd> bind_server(const std::string& path) {
    ::unlink(path.c_str());  // nobody answers there: under the lock that was asked just now
    auto old_mask = ::umask(0177);
    auto socket = listen_at(path, backlog);
    ::umask(old_mask);
    return socket;
}

result<unique_fd> lock_directory(const std::string& path) {
    auto directory = syscalls::open(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return directory;
    auto locked = syscalls::attempt("flock", path, [&] { return ::flock(directory->get(), LOCK_EX); });
    if (!locked) return locked.error();
    return directory;
}

}  // namespace vminit::shim
