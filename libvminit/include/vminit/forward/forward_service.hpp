// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/forward/place.hpp"
#include "vminit/forward/relay.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::forward {

class gate;
class forward_core;

/// What is there now, and what was refused.
struct forward_counters {
    std::size_t connections = 0;
    std::size_t gates = 0;
    std::uint64_t refused = 0;  ///< connections beyond the bound
};

/// Connections between places in containers and streams of a host, both ways.
///
/// Each belongs to an owner, a container's id: with `end` all that is the owner's goes. What would be more than a bound is
/// refused with resource_exhausted; only connections that come in at a gate wait, in the kernel's queue. Use from the
/// context's thread.
class forward_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    static constexpr std::size_t max_connections = 128;  ///< two descriptors each, and up to 128 KiB that nobody takes
    static constexpr std::size_t max_gates = 32;
    static constexpr std::size_t max_waiting = 16;  ///< at a gate: accepted, and not taken by the host
    static constexpr clock::duration connect_limit = std::chrono::seconds(10);

    /// How long a connection may move no byte when its owner has ended, and how long it is given in all.
    static constexpr clock::duration late_silence = std::chrono::seconds(2);
    static constexpr clock::duration longest_end = std::chrono::seconds(30);

    explicit forward_service(asio::execution_context& context);
    ~forward_service() override;

    /// Connects to a place and begins to carry what goes between it and `stream`. Errors: errno, deadline_exceeded,
    /// invalid_argument, resource_exhausted, those of `surroundings::check`.
    awaitable<result<std::shared_ptr<relay>>> connect(std::string owner, place to, surroundings in,
                                                      ttrpc::stream_socket stream);

    /// Listens at a place until the gate is closed. Errors: errno, invalid_argument, resource_exhausted.
    awaitable<result<std::shared_ptr<gate>>> listen(std::string owner, place at, surroundings in);

    /// Carries what goes between a connection that `gate::accept` told of and `stream`. Errors: not_found for one that
    /// nobody waits in, resource_exhausted.
    result<std::shared_ptr<relay>> take(std::uint64_t number, ttrpc::stream_socket stream,
                                        end_of_stream ending = end_of_stream::told);

    /// Closes a connection that nobody is to take.
    void refuse(std::uint64_t number);

    /// The owner has ended: its gates close, its connections end when they are silent.
    void end(const std::string& owner);

    /// Runs `ending`, once for an owner that has gates or connections, and then `end`.
    void end_after(const std::string& owner, awaitable<void> ending);

    /// Ends all, and refuses what comes later.
    void close();

    forward_counters counters() const noexcept;

private:
    void shutdown() noexcept override;

    std::shared_ptr<forward_core> core_;
};

/// A place that listens. Closed with its last owner; a Unix socket's name is removed then.
class gate {
public:
    gate(std::shared_ptr<forward_core> core, std::string owner, place at, surroundings in, ttrpc::stream_socket socket);
    ~gate();
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;

    /// The number of the next connection, for `forward_service::take`; waits while `max_waiting` are not taken. Errors:
    /// failed_precondition when the owner has ended, unavailable after `close`, errno. One caller at a time.
    awaitable<result<std::uint64_t>> accept();

    /// The place, with the port it has got.
    const place& where() const noexcept { return at_; }
    const std::string& owner() const noexcept { return owner_; }
    void close(error why) noexcept;

private:
    awaitable<result<void>> wait_for_room();

    std::shared_ptr<forward_core> core_;
    std::string owner_;
    place at_;
    surroundings in_;
    ttrpc::stream_socket socket_;
    error why_closed_;
};

}  // namespace vminit::forward
