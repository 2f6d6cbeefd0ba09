// SPDX-License-Identifier: Apache-2.0
#include "client_session.hpp"

#include <utility>

#include "endpoints.hpp"
#include "stdio_streams.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

awaitable<result<ttrpc::stream_socket>> connect_to(std::string address, clock::duration limit) {
    auto where = ttrpc::address::parse(address);
    if (!where) co_return where.error();
    auto socket = co_await ttrpc::connect(*where, limit);
    if (!socket) co_return error(errc::unavailable, socket.error().message());
    co_return std::move(*socket);
}

client_session::client_session(asio::io_context& context, global_options options, local_descriptors local)
    : context_(context), options_(std::move(options)), local_(local), printer_(local.out, local.err, options_.format) {}

awaitable<result<void>> client_session::connect() {
    auto socket = co_await connect_to(options_.address, options_.call_limit());
    if (!socket) co_return socket.error();
    // One command, one connection: a reader of our stdout that stops for a while holds up nobody else. How long, is up
    // to the guest, which ends a connection that takes nothing for a minute.
    ttrpc::client_limits limits;
    limits.reader_patience = std::chrono::hours(1);
    client_.emplace(std::move(*socket), log_of(context_), limits);
    co_return result<void>();
}

awaitable<result<void>> client_session::joined() {
    co_await client_->join();
    co_return result<void>();
}

awaitable<result<void>> client_session::closed(clock::duration limit) {
    co_return co_await with_timeout(joined(), limit, "end of the connection");
}

awaitable<result<ttrpc::stream_socket>> client_session::open_stream(std::uint32_t id) {
    auto address = options_.stream_address;
    if (address.empty()) {
        auto derived = default_stream_address(options_.address);
        if (!derived) co_return derived.error();
        address = *derived;
    }
    auto where = ttrpc::address::parse(address);
    if (!where) co_return where.error();
    co_return co_await open_stdio_stream(*where, id, options_.call_limit());
}

}  // namespace vminit::vminitctl
