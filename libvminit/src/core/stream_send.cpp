// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/stream_send.hpp"

#include <sys/socket.h>

#include <limits>

#include "vminit/core/syscalls.hpp"

namespace vminit {

std::size_t largest_send(int socket) noexcept {
    int family = 0;
    socklen_t size = sizeof family;
    bool is_vsock = ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_VSOCK;
    return is_vsock ? largest_vsock_send : std::numeric_limits<std::size_t>::max();
}

boost::system::result<std::size_t> send_some(std::string_view name, int socket, std::string_view bytes,
                                             std::size_t limit) {
    std::size_t sent = 0;
    do {
        auto piece = bytes.substr(sent, limit);
        auto count = syscalls::raw(
            name, [&] { return ::send(socket, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT); });
        if (!count && sent == 0) return count.error();
        if (!count) break;  // the next call tells of it
        sent += static_cast<std::size_t>(*count);
        if (static_cast<std::size_t>(*count) < piece.size()) break;
    } while (sent < bytes.size());
    return sent;
}

}  // namespace vminit
