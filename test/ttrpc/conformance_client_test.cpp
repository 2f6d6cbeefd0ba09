// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/client_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;
using vminit::ttrpc::call_options;
using vminit::ttrpc::client_errc;

namespace {

wire_frame error_response(std::uint32_t id, int code, const std::string& text) { return failed(id, code, text); }

}  // namespace

TEST_CASE_METHOD(client_fixture, "case 65: a unary call's bytes are the golden ones, and ids are odd and rise", "[ttrpc]") {
    answer outcome;
    tasks.spawn("echo", echo(outcome, payload(1, "hi"), call_options()));
    CHECK(server->receive().bytes() ==
          from_hex("00000013 00000001 01 00 0a03742e53 12044563686f 1a06 08011202 6869"));
    server->send(from_hex("00000008 00000001 02 00 1206 08021202 6869"));
    poll();
    REQUIRE(outcome);
    REQUIRE(*outcome);
    CHECK((*outcome)->SerializeAsString() == payload(2, "hi").SerializeAsString());
    check_alive(3);
    check_alive(5);
}

TEST_CASE_METHOD(client_fixture, "case 65: ids rise on the wire however many call at once", "[ttrpc]") {
    std::vector<answer> outcomes(32);
    for (auto& slot : outcomes) tasks.spawn("echo", echo(slot, payload(1), call_options()));
    for (std::uint32_t id = 1; id < 64; id += 2) CHECK(server->receive().stream_id == id);
    for (std::uint32_t id = 63; id < 64; id -= 2) server->send(ok(id, payload(id)));
    poll();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        REQUIRE(outcomes[i]);
        REQUIRE(*outcomes[i]);
        CHECK((*outcomes[i])->seq() == static_cast<std::int64_t>(2 * i + 1));
    }
}

TEST_CASE_METHOD(client_fixture, "timeout and metadata travel as in the golden frame", "[ttrpc]") {
    answer outcome;
    call_options options(5s);
    options.metadata.append("Foo", "bar");
    tasks.spawn("echo", echo(outcome, t::EchoPayload(), options));
    CHECK(server->receive().bytes() ==
          from_hex("0000001d 00000001 01 00 0a03742e53 12044563686f 2080e497d012 2a0a 0a03666f6f 1203626172"));
    server->send(ok(1, payload(2)));
    poll();
    CHECK(outcome);
}

TEST_CASE_METHOD(client_fixture, "case 66: code 0 is success, and a response for no call is dropped", "[ttrpc]") {
    answer outcome;
    begin_echo(outcome, 1);
    server->receive();
    server->send(ok(7, payload(9)));
    poll();
    CHECK_FALSE(outcome);
    ::ttrpc::Response response;
    response.mutable_status();
    response.set_payload(payload(2).SerializeAsString());
    server->send(response_frame(1, response));
    poll();
    REQUIRE(outcome);
    REQUIRE(*outcome);
    CHECK((*outcome)->seq() == 2);
}

TEST_CASE_METHOD(client_fixture, "case 67: data for a unary call is a protocol error of that call", "[ttrpc]") {
    answer outcome;
    begin_echo(outcome, 1);
    server->receive();
    server->send(data_frame(1, payload(2)));
    poll();
    check_class(outcome, errc::internal);
    CHECK(outcome->error().code() == client_errc::protocol);
    CHECK(outcome->error().message() == "received data from non-streaming server: ttrpc: protocol error");
    check_alive(3);
}

TEST_CASE_METHOD(client_fixture, "case 68: an oversize response fails its call", "[ttrpc]") {
    answer outcome;
    begin_echo(outcome, 1);
    server->receive();
    server->send(wire_frame{1, 2, 0, std::string(4194305, 'a')});
    poll();
    check_class(outcome, errc::resource_exhausted);
    check_alive(3);
}

TEST_CASE_METHOD(client_fixture, "case 69: a call times out by itself, the late answer is dropped", "[ttrpc]") {
    answer outcome;
    begin_echo(outcome, 1, call_options(200ms));
    server->receive();
    time.advance(199ms);
    poll();
    CHECK_FALSE(outcome);
    time.advance(1ms);
    poll();
    check_class(outcome, errc::deadline_exceeded);
    CHECK(server->is_quiet());
    server->send(ok(1, payload(2)));
    check_alive(3);
    answer late;
    begin_echo(late, 1, call_options(-1s));
    check_class(late, errc::deadline_exceeded);
    CHECK(server->is_quiet());
}

TEST_CASE_METHOD(client_fixture, "case 70: a lost connection fails all with closed, after what had arrived", "[ttrpc]") {
    unsigned closings = 0;
    connection->on_close([&] { ++closings; });
    answer outcome;
    begin_echo(outcome, 1);
    auto stream = stub->Gen(payload(5));
    REQUIRE(stream);
    CHECK(server->receive().stream_id == 1);
    CHECK(server->receive().stream_id == 3);
    server->send(data_frame(3, payload(1)));
    server->send(data_frame(3, payload(2)));
    server->close();
    poll();
    check_class(outcome, errc::unavailable);
    CHECK(outcome->error().code() == client_errc::closed);
    CHECK(outcome->error().message() == "ttrpc: closed");
    CHECK(next(*stream)->seq() == 1);
    CHECK(next(*stream)->seq() == 2);
    auto after = read_one(*stream);
    REQUIRE_FALSE(after);
    CHECK(after.error().code() == client_errc::closed);
    answer again;
    begin_echo(again, 1);
    REQUIRE(again);
    CHECK(again->error().code() == client_errc::closed);
    CHECK_FALSE(connection->is_open());
    CHECK(connection->failure());
    CHECK(closings == 1);
    connection->on_close([&] { ++closings; });
    CHECK(closings == 2);
}

TEST_CASE_METHOD(client_fixture, "case 71: the last message may come with the end", "[ttrpc]") {
    auto stream = stub->Gen(payload(3));
    REQUIRE(stream);
    CHECK(server->receive().bytes() == from_hex("0000000e 00000001 01 01 0a03742e53 120347656e 1a020803"));
    server->send(data_frame(1, payload(1)));
    server->send(data_frame(1, 0x01, payload(2).SerializeAsString()));
    CHECK(next(*stream)->seq() == 1);
    CHECK(next(*stream)->seq() == 2);
    CHECK_FALSE(next(*stream));
    CHECK_FALSE(next(*stream));
}

TEST_CASE_METHOD(client_fixture, "case 71: a status comes after what was sent before it, once", "[ttrpc]") {
    auto stream = stub->Gen(payload(3));
    REQUIRE(stream);
    server->receive();
    server->send(data_frame(1, payload(1)));
    server->send(error_response(1, 10, "gen: aborted"));
    CHECK(next(*stream)->seq() == 1);
    auto failure = read_one(*stream);
    REQUIRE_FALSE(failure);
    CHECK(failure.error().kind() == errc::aborted);
    CHECK(failure.error().message() == "gen: aborted");
    CHECK_FALSE(next(*stream));
}

TEST_CASE_METHOD(client_fixture, "case 72: a client stream opens without payload and closes with its own frame", "[ttrpc]") {
    auto stream = stub->Sum();
    REQUIRE(stream);
    CHECK(server->receive().bytes() == from_hex("0000000a 00000001 01 06 0a03742e53 120353756d"));
    CHECK(run(stream->write(payload(7))));
    CHECK(server->receive() == data_frame(1, payload(7)));
    answer outcome;
    auto finish = [](auto& which, answer& slot) -> awaitable<void> { slot.emplace(co_await which.finish()); };
    tasks.spawn("finish", finish(*stream, outcome));
    CHECK(server->receive().bytes() == from_hex("00000000 00000001 03 05"));
    auto late = run(stream->write(payload(8)));
    REQUIRE_FALSE(late);
    CHECK(late.error().code() == client_errc::stream_closed);
    CHECK(late.error().message() == "ttrpc: stream closed");
    CHECK(server->is_quiet());
    server->send(ok(1, payload(7, "1")));
    poll();
    REQUIRE(outcome);
    REQUIRE(*outcome);
    CHECK((*outcome)->seq() == 7);
}

TEST_CASE_METHOD(client_fixture, "case 72: bidi half-closes once and reads on", "[ttrpc]") {
    auto stream = stub->Bidi();
    REQUIRE(stream);
    CHECK(server->receive().bytes() == from_hex("0000000b 00000001 01 06 0a03742e53 120442696469"));
    CHECK(stream->close_send());
    CHECK(server->receive() == end_frame(1));
    CHECK_FALSE(stream->close_send());
    server->send(data_frame(1, payload(4)));
    CHECK(next(*stream)->seq() == 4);
    server->send(end_frame(1));
    CHECK_FALSE(next(*stream));
    CHECK(server->is_quiet());
}

TEST_CASE_METHOD(client_fixture, "case 73: an oversize request fails without touching the wire", "[ttrpc]") {
    answer outcome;
    tasks.spawn("echo", echo(outcome, payload(1, std::string(std::size_t{5} << 20, 'a')), call_options()));
    poll();
    check_class(outcome, errc::resource_exhausted);
    CHECK(server->is_quiet());
    check_alive(3);
}

TEST_CASE_METHOD(client_fixture, "case 74: a malformed response fails only its call", "[ttrpc]") {
    auto bytes = GENERATE(std::string("\xff\xff\xff"), from_hex("1203ffffff"), from_hex("0a04 1202fffe"));
    answer outcome;
    begin_echo(outcome, 1);
    server->receive();
    server->send(wire_frame{1, 2, 0, bytes});
    poll();
    check_class(outcome, errc::internal);
    CHECK(outcome->error().code() == client_errc::protocol);
    check_alive(3);
}

TEST_CASE_METHOD(client_fixture, "a status becomes an error of its class with the server's text", "[ttrpc]") {
    answer outcome;
    begin_echo(outcome, 1);
    server->receive();
    server->send(error_response(1, 5, "container x: not found"));
    poll();
    check_class(outcome, errc::not_found);
    CHECK(outcome->error().message() == "container x: not found");
    CHECK(outcome->error().context() == "container x");
}

TEST_CASE_METHOD(client_fixture, "an abandoned call leaves nothing behind", "[ttrpc]") {
    answer outcome;
    auto handle = tasks.spawn("echo", echo(outcome, payload(1), call_options(1h)));
    server->receive();
    handle.stop();
    poll();
    if (outcome) CHECK(outcome->error().kind() == errc::cancelled);
    CHECK(tasks.size() == 0);
    server->send(ok(1, payload(2)));
    check_alive(3);
}

TEST_CASE_METHOD(client_fixture, "a stream may outlive its client", "[ttrpc]") {
    auto stream = stub->Gen(payload(3));
    REQUIRE(stream);
    connection.reset();
    poll();
    auto failure = read_one(*stream);
    REQUIRE_FALSE(failure);
    CHECK(failure.error().code() == client_errc::closed);
    CHECK(server->is_closed());
    auto pair = vminit::ttrpc::connected_pair(ex());
    REQUIRE(pair);
    connection.emplace(std::move(pair->first), log());
}

TEST_CASE("a context may go down with calls pending", "[ttrpc]") {
    auto io = std::make_unique<io_fixture>();
    auto pair = vminit::ttrpc::connected_pair(io->ex());
    REQUIRE(pair);
    auto call = [](vminit::ttrpc::client peer) -> awaitable<void> {
        t::SClient stub(peer);
        auto stream = stub.Gen(payload(3));
        co_await stub.Echo(payload(1), call_options(5s));
    };
    vminit::ttrpc::client connection(std::move(pair->first), io->log());
    std::optional<task_group> tasks(std::in_place, io->ex(), io->log());
    tasks->spawn("call", call(std::move(connection)));
    io->poll();
    CHECK(tasks->size() == 1);
    tasks.reset();
    io.reset();
}
