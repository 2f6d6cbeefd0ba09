// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/local_socket.hpp"

#include <sys/socket.h>

#include "vminit/core/syscalls.hpp"

namespace vminit {

result<sockaddr_un> local_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return error(errc::invalid_argument, path + ": too long for a socket");
    path.copy(address.sun_path, path.size());
    return address;
}

result<unique_fd> open_local_socket(int flags) {
    auto opened =
        syscalls::check("socket", {}, [&] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0); });
    if (!opened) return opened.error();
    return unique_fd(static_cast<int>(*opened));
}

result<unique_fd> listen_at(const std::string& path, int backlog, int flags) {
    auto address = local_address(path);
    if (!address) return address.error();
    auto socket = open_local_socket(flags);
    if (!socket) return socket;
    auto bound = syscalls::attempt("bind", path, [&] {
        return ::bind(socket->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    });
    if (!bound) return bound.error();
    auto listening = syscalls::attempt("listen", path, [&] { return ::listen(socket->get(), backlog); });
    if (!listening) return listening.error();
    return socket;
}

}  // namespace vminit
