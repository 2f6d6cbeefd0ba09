// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/host_dialect.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/address.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::streams {

/// What came to the stdio port since the service was made, and what is there now.
struct stream_counters {
    std::uint64_t accepted = 0;    ///< connections the listener let in
    std::uint64_t registered = 0;  ///< handshakes completed
    std::uint64_t refused = 0;  ///< a peer that may not, duplicate id, too many, too slow, broken during the handshake
    std::uint64_t claimed = 0;
    std::uint64_t dropped = 0;   ///< broken before anybody claimed them
    std::size_t handshakes = 0;  ///< now: connections that have not sent their id yet
    std::size_t unclaimed = 0;   ///< now: registered and waiting for their process
};

/// The stdio port: a host connects, says which stream it is (`stream_handshake`: 4 bytes with a number, or a name
/// behind its length), gets the same bytes back, and from then on the connection is a byte pipe that Create or Exec
/// names `stream://<name>`.
///
/// Each handshake runs by itself and has a limit, so a silent peer delays nobody. A name is registered before it is
/// echoed; one that waits for its claimer already is refused by closing the new connection. Bytes that follow the
/// handshake stay in the socket until the claimer reads them.
class stream_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    static constexpr clock::duration handshake_limit =
        std::chrono::seconds(5);                         ///< for a few bytes from the host itself
    static constexpr std::size_t max_unclaimed = 1024;   ///< registered: three a process, hundreds of processes at once
    static constexpr std::size_t max_handshakes = 1024;  ///< in progress; more are closed at once
    static constexpr std::size_t max_name = 1024;        ///< hosts put container and exec id into a name

    explicit stream_service(asio::execution_context& context);
    stream_service(asio::execution_context& context, const host_dialect& dialect);
    ~stream_service() override;

    /// Accepts streams on a further address. Errors: those of `ttrpc::listener::open`.
    result<void> listen(ttrpc::address where, ttrpc::listen_options options = {});

    /// Hands the stream over, once: the caller owns it and closes it. A numbered one has its number in decimal as name.
    /// Errors: not_found `unable to get stream <name>` for an unknown, broken or already claimed one.
    result<ttrpc::stream_socket> claim(std::string_view name);

    /// Registers a connection made otherwise, as if its handshake had been done; for embedders and tests. Errors:
    /// already_exists, resource_exhausted.
    result<void> add(std::string name, ttrpc::stream_socket socket);

    /// Stops listening and closes handshakes in progress and unclaimed streams. Claimed ones belong to their processes.
    void close();

    stream_counters counters() const noexcept;

private:
    void shutdown() noexcept override;

    struct core;
    std::shared_ptr<core> core_;
};

}  // namespace vminit::streams
