// SPDX-License-Identifier: Apache-2.0
#include <optional>

#include "ttrpc/server_fixture.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

struct lifecycle : server_fixture {
    temporary_directory directory;
    vminit::ttrpc::address where = vminit::ttrpc::address::unix_socket(directory.path("s"));
    task_group tasks{ex(), log()};
    std::optional<result<void>> outcome;

    ~lifecycle() {
        tasks.stop();
        poll();
    }

    awaitable<void> drain(clock::duration limit) { outcome.emplace(co_await server.shutdown(limit)); }

    void begin_shutdown(clock::duration limit = 10s) {
        tasks.spawn("shutdown", drain(limit));
        poll();
    }
};

}  // namespace

TEST_CASE_METHOD(lifecycle, "case 60: shutdown closes idle connections and refuses new ones", "[ttrpc]") {
    REQUIRE(server.listen(where));
    auto peer = connect();
    check_alive(peer, 1);
    begin_shutdown();
    CHECK(peer.is_closed());
    REQUIRE(outcome);
    CHECK(*outcome);
    auto refused = run(vminit::ttrpc::connect(where, 1s));
    CHECK_FALSE(refused);
    auto again = server.listen(where);
    REQUIRE_FALSE(again);
    CHECK(again.error().kind() == errc::unavailable);
    CHECK(connect().is_closed());
}

TEST_CASE_METHOD(lifecycle, "case 61: shutdown waits for a connection's very first call", "[ttrpc]") {
    auto peer = connect();
    peer.send(call(1, "Sleep", payload(500)));
    CHECK(peer.is_quiet());
    begin_shutdown();
    CHECK_FALSE(outcome);
    advance(500ms);
    CHECK(peer.receive() == ok(1, payload(500)));
    CHECK(peer.is_closed());
    REQUIRE(outcome);
    CHECK(*outcome);
}

TEST_CASE_METHOD(lifecycle, "case 62: error replies do not count as calls", "[ttrpc]") {
    auto peer = connect();
    peer.send(from_hex("00000009 00000001 01 00 0a046e6f7065 120178"));
    CHECK(peer.receive() == failed(1, 12, "service nope"));
    peer.send(call(3, "Sleep", payload(500)));
    CHECK(peer.is_quiet());
    begin_shutdown();
    CHECK(peer.is_quiet());
    advance(500ms);
    CHECK(peer.receive() == ok(3, payload(500)));
    CHECK(peer.is_closed());
    CHECK(*outcome);
}

TEST_CASE_METHOD(lifecycle, "case 63: a shutdown that takes too long says so, and close ends the rest", "[ttrpc]") {
    auto peer = connect();
    peer.send(call(1, "Sleep", payload(5000)));
    CHECK(peer.is_quiet());
    begin_shutdown(1s);
    advance(1s);
    REQUIRE(outcome);
    REQUIRE_FALSE(*outcome);
    CHECK(outcome->error().kind() == errc::deadline_exceeded);
    CHECK(peer.is_quiet());
    CHECK(service->running == 1);
    server.close();
    CHECK(peer.is_closed());
    CHECK(service->running == 0);
    CHECK(service->cancelled == 1);
}

TEST_CASE_METHOD(lifecycle, "case 64: a request during shutdown is told to go elsewhere", "[ttrpc]") {
    auto peer = connect();
    peer.send(call(1, "Sleep", payload(500)));
    CHECK(peer.is_quiet());
    begin_shutdown();
    peer.send(call(3, "Echo", payload(1)));
    CHECK(peer.receive() == failed(3, 14, "server is shutting down: unavailable"));
    advance(500ms);
    CHECK(peer.receive() == ok(1, payload(500)));
    CHECK(peer.is_closed());
}

TEST_CASE_METHOD(lifecycle, "shutdown does not cut a response that waits for its peer", "[ttrpc]") {
    auto peer = connect();
    peer.send(call(1, "Big", payload(3 << 20)));
    poll();
    begin_shutdown();
    CHECK_FALSE(outcome);
    CHECK(peer.receive() == ok(1, payload(0, std::string(3 << 20, 'a'))));
    CHECK(peer.is_closed());
    CHECK(outcome);
}

TEST_CASE_METHOD(lifecycle, "join returns when the last handler has, however stubborn", "[ttrpc]") {
    auto peer = connect();
    peer.send(call(1, "Stubborn", payload(1000)));
    CHECK(peer.is_quiet());
    server.close();
    bool joined = false;
    auto wait = [](vminit::ttrpc::server_service& which, bool& flag) -> awaitable<void> {
        co_await which.join();
        flag = true;
    };
    tasks.spawn("join", wait(server, joined));
    poll();
    CHECK_FALSE(joined);
    advance(1s);
    CHECK(joined);
    CHECK(service->finished == 1);
}

TEST_CASE_METHOD(lifecycle, "a handler may close the server that runs it", "[ttrpc]") {
    struct closing_service : fixture_service {
        explicit closing_service(vminit::ttrpc::server_service& which) : server(which) {}
        awaitable<result<t::EchoPayload>> Echo(vminit::ttrpc::call_context& call, t::EchoPayload request) override {
            server.close();
            CHECK(call.is_cancelled());
            co_return request;
        }
        vminit::ttrpc::server_service& server;
    };
    server.add(std::make_shared<closing_service>(server));
    auto peer = connect();
    peer.send(call(1, "Echo", payload(1)));
    CHECK(peer.is_closed());
    CHECK(server.counters().calls == 0);
}

TEST_CASE("calls beyond a bound are refused, others are served", "[ttrpc]") {
    vminit::ttrpc::server_limits limits;
    limits.calls_per_connection = 2;
    limits.calls = 3;
    limits.request_bytes = 1000;
    server_fixture io(limits);
    auto peer = io.connect();
    auto other = io.connect();
    constexpr auto refusal = "too many requests in flight: resource exhausted";
    for (std::uint32_t id : {1U, 3U}) peer.send(io.call(id, "Sleep", payload(100)));
    peer.send(io.call(5, "Echo", payload(1)));
    CHECK(peer.receive() == failed(5, 8, refusal));
    auto large = payload(100, std::string(994, 'x'));
    other.send(io.call(1, "Sleep", large));
    CHECK(other.receive() == failed(1, 8, refusal));
    other.send(io.call(3, "Sleep", payload(100)));
    other.send(io.call(5, "Echo", payload(1)));
    CHECK(other.receive() == failed(5, 8, refusal));
    CHECK(io.server.counters().refused_calls == 3);
    io.advance(100ms);
    for (std::uint32_t id : {1U, 3U}) CHECK(peer.receive() == ok(id, payload(100)));
    CHECK(other.receive() == ok(3, payload(100)));
    other.send(io.call(7, "Sleep", payload(1, std::string(2000, 'x'))));
    io.poll();
    io.advance(1ms);
    CHECK(other.receive() == ok(7, payload(1, std::string(2000, 'x'))));
    io.check_alive(peer, 7);
}

TEST_CASE("connections beyond the bound wait until one closes", "[ttrpc]") {
    temporary_directory directory;
    auto where = vminit::ttrpc::address::unix_socket(directory.path("s"));
    vminit::ttrpc::server_limits limits;
    limits.connections = 1;
    server_fixture io(limits);
    REQUIRE(io.server.listen(where));
    auto dial = [&] {
        auto socket = io.run(vminit::ttrpc::connect(where, 1s));
        REQUIRE(socket);
        return ttrpc_peer(io, unique_fd(::dup(socket->native_handle())));
    };
    auto first = dial();
    io.check_alive(first, 1);
    auto second = dial();
    second.send(io.call(1, "Echo", payload(1)));
    CHECK(second.is_quiet());
    first.close();
    CHECK(second.receive() == ok(1, payload(2)));
}

TEST_CASE("a context may go down with everything running", "[ttrpc]") {
    auto io = std::make_unique<io_fixture>();
    auto& server = asio::use_service<vminit::ttrpc::server_service>(io->ctx);
    auto service = std::make_shared<fixture_service>();
    server.add(service);
    auto pair = vminit::ttrpc::connected_pair(io->ex());
    REQUIRE(pair);
    server.serve(std::move(pair->first), vminit::ttrpc::peer_identity());
    ttrpc_peer peer(*io, std::move(pair->second));
    auto call = [&](std::uint32_t id, const char* method) {
        peer.send(server_fixture::request(id, 0x02, method, payload(100000).SerializeAsString(), 5000000000));
    };
    call(1, "Sleep");
    call(3, "Stuck");
    call(5, "Bidi");
    CHECK(peer.receive().stream_id == 5);
    CHECK(service->running == 3);
    io.reset();
    CHECK(service->running == 0);
    CHECK(service.use_count() == 1);
}
