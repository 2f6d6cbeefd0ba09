// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/address.hpp"
#include "vminit/ttrpc/method_metrics.hpp"
#include "vminit/ttrpc/service_base.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::ttrpc {

/// Bounds on what peers can make the server hold. What goes beyond a bound is answered with resource_exhausted; beyond the
/// bound on connections these wait in the kernel's backlog. One connection may have half of each number of bytes,
/// and of `frame_bytes` one frame.
/// docs/ttrpc.md has them all.
struct server_limits {
    std::size_t connections = 512;           ///< half of PID 1's default 1024 descriptors; hosts keep one a container open
    std::size_t calls_per_connection = 1024; ///< each container and exec of a host holds one Wait open
    std::size_t calls = 4096;                ///< of all connections; a suspended call holds about 3 KB
    std::size_t request_bytes = std::size_t{64} << 20;  ///< Requests of running calls; sixteen of the largest
    std::size_t frame_bytes = std::size_t{32} << 20;    ///< frames that are not whole yet
    std::size_t input_bytes = std::size_t{32} << 20;    ///< messages that streams have not read
    std::size_t output_bytes = std::size_t{32} << 20;   ///< what peers have not taken

    clock::duration frame_time = std::chrono::seconds(60);  ///< from a frame's first byte to its last, else it is closed
    clock::duration write_time = std::chrono::seconds(60);  ///< for a peer to take a byte of its output, else it is closed

    /// For the reader of a full stream to take a message; meanwhile the connection is not read, and then the stream ends.
    clock::duration reader_patience = std::chrono::milliseconds(150);
};

/// What the server saw since it was made, and what is there now.
struct server_counters {
    std::uint64_t accepted = 0;          ///< connections served
    std::uint64_t refused_peers = 0;     ///< connections closed because of who they came from
    std::uint64_t accept_backoffs = 0;   ///< times accepting was put off for want of descriptors or memory
    std::uint64_t protocol_errors = 0;   ///< frames answered with an error because they broke the protocol
    std::uint64_t refused_calls = 0;     ///< Requests beyond a bound or during shutdown
    std::uint64_t discarded_bytes = 0;   ///< of oversize frames
    std::size_t connections = 0;         ///< now
    std::size_t calls = 0;               ///< now: handlers that have not returned
};

class server_core;

/// Serves ttrpc on any number of listeners and ready connections.
///
/// Handlers run on the context's thread, each in its own coroutine, from the moment its Request is read: up to its first
/// suspension before any later frame of that connection is looked at. All calls of a connection run concurrently.
class server_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit server_service(asio::execution_context& context);
    server_service(asio::execution_context& context, server_limits limits);
    ~server_service() override;

    /// Registers `service` under its own name, or under `alias`. A later registration of a name replaces the earlier one
    /// for calls that come later. The service is released with the server.
    void add(std::shared_ptr<service_base> service);
    void add(std::shared_ptr<service_base> service, std::string alias);

    /// Accepts connections on `where` from now on. Errors: of `listener::open`; unavailable after `shutdown` or `close`.
    result<void> listen(address where, listen_options options = {});

    /// The same on a socket that listens already; see `listener::adopt`.
    result<void> listen(unique_fd socket, address where, listen_options options = {});

    /// Serves one connection that exists already. Closed at once after `shutdown` or `close`.
    void serve(stream_socket socket, peer_identity peer);

    /// Called once, when the first connection is accepted by a listener.
    void on_first_accept(std::function<void()> hook);

    /// Graceful end: stops listening, answers new Requests with unavailable, closes each connection when its last call is
    /// answered and flushed. Errors: deadline_exceeded when connections are left after `limit`; they stay as they are.
    awaitable<result<void>> shutdown(clock::duration limit);

    /// Hard end: stops listening, cancels all calls, closes all connections. Does not wait.
    void close();

    /// Returns when, after `close` or `shutdown`, no coroutine of the server is left.
    awaitable<void> join();

    server_counters counters() const noexcept;

    /// One entry for each method of each registered name.
    std::vector<method_metrics> metrics() const;

    /// The registered names, and how many there are.
    std::vector<std::string> service_names() const;
    std::size_t service_count() const noexcept;

    const server_limits& limits() const noexcept;

private:
    void shutdown() noexcept override;

    std::shared_ptr<server_core> core_;
};

}  // namespace vminit::ttrpc
