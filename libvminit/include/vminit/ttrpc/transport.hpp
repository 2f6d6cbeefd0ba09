// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/ttrpc/address.hpp"

namespace vminit::ttrpc {

/// One socket type for all transports, so that everything above is compiled once.
using stream_socket = asio::basic_stream_socket<asio::generic::stream_protocol, executor>;

/// Takes over a connected stream socket of address family `family` (0: ask the kernel): non-blocking from here on.
/// Errors: errno of epoll or ioctl; `fd` is then closed.
result<stream_socket> adopt_socket(executor ex, unique_fd fd, int family = 0);

/// A connected pair of Unix sockets, for tests and for serving a child over an inherited descriptor.
struct socket_pair {
    stream_socket first;
    unique_fd second;  ///< blocking, close-on-exec
};
result<socket_pair> connected_pair(executor ex);

/// Who is at the other end, as the kernel says.
struct peer_identity {
    transport_kind transport = transport_kind::unix_socket;
    std::uint32_t cid = 0;   ///< vsock
    std::uint32_t port = 0;  ///< vsock
    int pid = 0;             ///< Unix; 0 unknown
    unsigned uid = 0;        ///< Unix

    /// `vsock:2:1073741825` or `unix:pid=7,uid=0`.
    std::string describe() const;
};

/// A connection that came in, and who it is from.
struct accepted {
    accepted(stream_socket socket, peer_identity peer) : socket(std::move(socket)), peer(peer) {}
    stream_socket socket;
    peer_identity peer;
};

/// Which Unix peers may come in. The socket file's mode is the first gate, this the second.
enum class unix_peers { same_user_or_root, anyone };

/// Who may come in, and how many may wait.
struct listen_options {
    listen_options() = default;

    /// vsock peers by CID. The host only: a container of this VM could otherwise dial PID 1.
    std::vector<std::uint32_t> allowed_cids{address::host_cid};
    unix_peers allowed_unix_peers = unix_peers::same_user_or_root;
    int backlog = 128;  ///< connections the kernel completes before we accept them
};

/// What came to a listener since it was made.
struct listener_counters {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;     ///< closed because of who they were
    std::uint64_t backed_off = 0;  ///< accept failed for want of descriptors or memory and was tried again later
};

/// A listening socket. Move-only; closing it removes a Unix socket's file.
class listener {
public:
    /// Binds and listens. A stale Unix socket file nobody listens on is replaced. Errors: errno (EADDRINUSE, EACCES, ...),
    /// invalid_argument for hvsock and for paths longer than sun_path.
    static result<listener> open(executor ex, address where, listen_options options = {});

    /// Takes over a socket that listens already, as inherited from whoever started us. `where` is its address, for texts
    /// and for removing a Unix socket's file at the end. Errors: invalid_argument for what does not listen; errno of epoll.
    static result<listener> adopt(executor ex, unique_fd socket, address where, listen_options options = {});

    listener(listener&&) noexcept = default;
    listener& operator=(listener&& other) noexcept;
    ~listener();

    /// The next allowed connection. Peers that are not allowed are closed, counted and passed over. Out of descriptors or
    /// memory it tries again after 1 ms, doubling to 1 s. Errors: cancelled (also after `close`), or what made the socket
    /// unusable. One caller at a time; the listener must outlive the call.
    awaitable<result<accepted>> accept();

    /// Stops listening; a waiting `accept` returns `cancelled`. Idempotent.
    void close() noexcept;

    bool is_open() const noexcept { return descriptor_.is_open(); }
    const address& where() const noexcept { return where_; }
    const listener_counters& counters() const noexcept { return *counters_; }

private:
    using descriptor = asio::posix::basic_stream_descriptor<executor>;

    listener(descriptor socket, address where, listen_options options);
    bool is_allowed(const peer_identity& peer) const noexcept;

    descriptor descriptor_;
    address where_;
    listen_options options_;
    std::unique_ptr<listener_counters> counters_;
};

/// Connects within `limit`. For hvsock the `CONNECT <port>` exchange is part of it. Errors: errno (ECONNREFUSED -> unknown,
/// ENOENT -> not_found, ...), deadline_exceeded, cancelled, unavailable when the hypervisor answers other than `OK`.
awaitable<result<stream_socket>> connect(address where, clock::duration limit);

}  // namespace vminit::ttrpc
