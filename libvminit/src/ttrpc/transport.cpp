// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/transport.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include "vminit/core/syscalls.hpp"

namespace vminit::ttrpc {

namespace {

result<int> family_of(int fd) {
    int family = 0;
    socklen_t size = sizeof family;
    auto asked = syscalls::check("getsockopt", "SO_DOMAIN", [&] {
        return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
    });
    if (!asked) return asked.error();
    return family;
}

}  // namespace

result<stream_socket> adopt_socket(executor ex, unique_fd fd, int family) {
    if (family == 0) {
        auto asked = family_of(fd.get());
        if (!asked) return asked.error();
        family = *asked;
    }
    stream_socket socket(ex);
    error_code failure;
    socket.assign(asio::generic::stream_protocol(family, 0), fd.get(), failure);
    if (failure) return error(failure, "assign socket");
    [[maybe_unused]] int owned_by_socket = fd.release();
    socket.non_blocking(true, failure);
    if (failure) return error(failure, "set non-blocking");
    return socket;
}

result<socket_pair> connected_pair(executor ex) {
    int ends[2];
    auto made = syscalls::check("socketpair", "", [&] { return ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends); });
    if (!made) return made.error();
    unique_fd second(ends[1]);
    auto first = adopt_socket(ex, unique_fd(ends[0]), AF_UNIX);
    if (!first) return first.error();
    return socket_pair{std::move(*first), std::move(second)};
}

std::string peer_identity::describe() const {
    if (transport == transport_kind::vsock) return fmt::format("vsock:{}:{}", cid, port);
    return fmt::format("unix:pid={},uid={}", pid, uid);
}

}  // namespace vminit::ttrpc
