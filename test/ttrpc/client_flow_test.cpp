// SPDX-License-Identifier: Apache-2.0
#include <stdexcept>
#include <vector>

#include "ttrpc/client_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;
using vminit::ttrpc::call_options;
using vminit::ttrpc::client_errc;

TEST_CASE_METHOD(client_fixture, "a stream that is not read fails alone", "[ttrpc]") {
    auto stream = stub->Gen(payload(3));
    REQUIRE(stream);
    server->receive();
    for (int i = 0; i < 1100; ++i) server->send(data_frame(1, payload(1)));
    poll();
    time.advance(150ms);
    poll();
    check_alive(3);
    for (int i = 0; i < 1024; ++i) REQUIRE(next(*stream));
    auto failure = read_one(*stream);
    REQUIRE_FALSE(failure);
    CHECK(failure.error().code() == client_errc::stream_full);
}

TEST_CASE_METHOD(client_fixture, "a stream that is dropped ends who reads it and who writes it", "[ttrpc]") {
    auto opened = stub->Bidi();
    REQUIRE(opened);
    std::optional stream(std::move(*opened));
    next_message seen;
    std::optional<result<void>> written;
    auto write = [](auto& to, auto& slot) -> awaitable<void> {
        do slot.emplace(co_await to.write(payload(1, std::string(100000, 'a'))));
        while (*slot);
    };
    tasks.spawn("read", read(*stream, seen));
    tasks.spawn("write", write(*stream, written));
    poll();
    REQUIRE_FALSE(seen);
    REQUIRE(tasks.size() == 2);
    stream.reset();
    poll();
    CHECK(tasks.size() == 0);
    REQUIRE(seen);
    CHECK(seen->error().code() == client_errc::stream_closed);
    CHECK(written->error().code() == client_errc::stream_closed);
}

TEST_CASE_METHOD(client_fixture, "a write that is cancelled is not sent", "[ttrpc]") {
    auto stream = stub->Bidi();
    auto write = [](auto& to, unsigned& count) -> awaitable<void> {
        while (auto written = co_await to.write(payload(1, std::string(100000, 'a')))) ++count;
    };
    unsigned count = 0;
    auto writer = tasks.spawn("write", write(*stream, count));
    poll();
    REQUIRE(tasks.size() == 1);
    writer.stop();
    poll();
    CHECK(tasks.size() == 0);
    CHECK(server->receive().type == 1);
    for (unsigned i = 0; i < count; ++i) REQUIRE(server->receive().data.size() > 100000);
    CHECK(server->is_quiet());
}

TEST_CASE_METHOD(client_fixture, "a client reads on while it cannot send", "[ttrpc]") {
    std::vector<answer> outcomes(40);
    for (auto& slot : outcomes) tasks.spawn("echo", echo(slot, payload(1, std::string(100000, 'a')), {}));
    poll();
    for (std::uint32_t id = 1; id < 80; id += 2) server->send(ok(id, payload(2)));
    poll();
    for (auto& slot : outcomes) CHECK((slot && *slot));
}

TEST_CASE("a client's unsent requests are bounded", "[ttrpc]") {
    io_fixture io;
    auto pair = vminit::ttrpc::connected_pair(io.ex());
    REQUIRE(pair);
    vminit::ttrpc::client_limits limits;
    limits.unsent_bytes = 1000000;
    vminit::ttrpc::client connection(std::move(pair->first), io.log(), limits);
    t::SClient stub(connection);
    task_group tasks(io.ex(), io.log());
    unsigned refused = 0;
    auto echo = [](t::SClient& on, unsigned& count) -> awaitable<void> {
        auto outcome = co_await on.Echo(payload(1, std::string(100000, 'a')));
        if (!outcome && outcome.error().kind() == errc::resource_exhausted) ++count;
    };
    for (int i = 0; i < 40; ++i) tasks.spawn("echo", echo(stub, refused));
    io.poll();
    CHECK(refused >= 25);
    CHECK(tasks.size() == 40 - refused);
    connection.close();
    io.poll();
    CHECK(tasks.size() == 0);
}

TEST_CASE_METHOD(client_fixture, "every close hook is called, whatever one throws", "[ttrpc]") {
    std::string calls;
    connection->on_close([&] {
        calls += "a";
        throw std::runtime_error("hook");
    });
    connection->on_close([&] { calls += "b"; });
    connection->on_close([&] { throw 7; });
    connection->on_close([&] { calls += "c"; });
    server->close();
    poll();
    CHECK(calls == "abc");
    CHECK(has_line("close hook"));
    connection->on_close([&] {
        calls += "d";
        throw 7;
    });
    CHECK(calls == "abcd");
}

TEST_CASE_METHOD(client_fixture, "a timeout beyond the clock is none", "[ttrpc]") {
    answer outcome;
    begin_echo(outcome, 1, call_options(clock::duration::max()));
    CHECK(server->receive().stream_id == 1);
    time.advance(1h);
    poll();
    CHECK_FALSE(outcome);
    server->send(ok(1, payload(2)));
    poll();
    REQUIRE(outcome);
    CHECK(*outcome);
}

TEST_CASE_METHOD(client_fixture, "a stream's reader that waits does not lose the stream", "[ttrpc]") {
    auto stream = stub->Gen(payload(3));
    REQUIRE(stream);
    server->receive();
    std::string all;
    for (int i = 0; i < 5000; ++i) all += data_frame(1, payload(i)).bytes();
    server->send(all);
    for (int i = 0; i < 5000; ++i) {
        auto message = next(*stream);
        REQUIRE((message && message->seq() == i));
        time.advance(1ms);
    }
    check_alive(3);
}

TEST_CASE_METHOD(client_fixture, "a stream may be opened with its first message", "[ttrpc]") {
    auto first = payload(7);
    auto stream = connection->open_stream("t.S", "Bidi", vminit::ttrpc::method_kind::bidi, &first, {});
    REQUIRE(stream);
    CHECK(server->receive() == request_frame(1, 0x02, make_request("t.S", "Bidi", first.SerializeAsString())));
}
