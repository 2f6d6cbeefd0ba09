// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "support/io_fixture.hpp"
#include "support/ttrpc_peer.hpp"
#include "ttrpc/fixture_service.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

namespace vminit::test {

using answer = std::optional<result<t::EchoPayload>>;
using next_message = std::optional<result<std::optional<t::EchoPayload>>>;

/// A client of t.S and, as its server, a scripted peer.
struct client_fixture : io_fixture {
    client_fixture() {
        auto pair = vminit::ttrpc::connected_pair(ex());
        REQUIRE(pair);
        connection.emplace(std::move(pair->first), log());
        server.emplace(*this, std::move(pair->second));
        stub.emplace(*connection);
    }

    ~client_fixture() {
        tasks.stop();
        connection->close();
        poll();
    }

    awaitable<void> echo(answer& slot, t::EchoPayload message, vminit::ttrpc::call_options options) {
        slot.emplace(co_await stub->Echo(std::move(message), std::move(options)));
    }
    void begin_echo(answer& slot, std::int64_t seq, vminit::ttrpc::call_options options = {}) {
        tasks.spawn("echo", echo(slot, payload(seq), std::move(options)));
        poll();
    }

    template <class Stream>
    awaitable<void> read(Stream& stream, next_message& slot) {
        slot.emplace(co_await stream.read());
    }
    template <class Stream>
    std::optional<t::EchoPayload> next(Stream& stream) {
        auto outcome = read_one(stream);
        REQUIRE(outcome);
        return *outcome;
    }
    template <class Stream>
    result<std::optional<t::EchoPayload>> read_one(Stream& stream) {
        next_message slot;
        tasks.spawn("read", read(stream, slot));
        poll();
        REQUIRE(slot);
        return *slot;
    }

    static void check_class(const answer& outcome, errc kind) {
        REQUIRE(outcome);
        REQUIRE_FALSE(*outcome);
        CHECK(outcome->error().kind() == kind);
    }

    /// The connection still works: the next call gets the id `id`.
    void check_alive(std::uint32_t id) {
        answer outcome;
        begin_echo(outcome, 1);
        CHECK(server->receive().stream_id == id);
        server->send(ok(id, payload(2)));
        poll();
        REQUIRE(outcome);
        REQUIRE(*outcome);
        CHECK((*outcome)->seq() == 2);
    }

    manual_time time;
    std::optional<vminit::ttrpc::client> connection;
    std::optional<ttrpc_peer> server;
    std::optional<t::SClient> stub;
    task_group tasks{ex(), log()};
};

}  // namespace vminit::test
