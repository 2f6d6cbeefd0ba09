// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/console_socket.hpp"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runc/console_message.hpp"
#include "vminit/core/local_socket.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

namespace {

// One runtime connects once; room for a second so that a confused one does not hang.
constexpr int backlog = 2;

result<unique_fd> accept_at(int listener) {
    auto accepted = syscalls::check(
        "accept4", "console", [&] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
    if (!accepted) return accepted.error();
    return unique_fd(static_cast<int>(*accepted));
}

}  // namespace

result<console_socket> console_socket::open(const std::string& temp_directory) {
    console_socket socket;
    auto directory = temp_directory + "/ptyXXXXXX";
    if (directory.size() + std::strlen("/pty.sock") >= sizeof sockaddr_un::sun_path) {
        return error(syscalls::detail::errno_code(ENAMETOOLONG), "console socket in " + temp_directory);
    }
    auto made = syscalls::check("mkdtemp", directory, [&] { return ::mkdtemp(directory.data()) ? 0 : -1; });
    if (!made) return made.error();
    socket.directory_ = std::move(directory);
    socket.path_ = socket.directory_ + "/pty.sock";
    auto listening = listen_at(socket.path_, backlog, SOCK_NONBLOCK);
    if (!listening) return listening.error();
    socket.listener_ = std::move(*listening);
    return socket;
}

console_socket::~console_socket() {
    if (directory_.empty()) return;
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
}

result<unique_fd> console_socket::receive() {
    auto connection = accept_at(listener_.get());
    auto terminal = connection ? receive_terminal(connection->get()) : std::move(connection);
    if (!terminal && syscalls::is_errno(terminal.error(), EAGAIN)) {
        return error(errc::unknown, "console: the runtime ended without sending a terminal");
    }
    return terminal;
}

}  // namespace vminit::runc
