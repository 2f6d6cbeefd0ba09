// SPDX-License-Identifier: Apache-2.0
#include <sys/mman.h>
#include <unistd.h>

#include "ttrpc/server_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;
using vminit::ttrpc::server_limits;

namespace {

server_limits limited(std::size_t server_limits::*which, std::size_t value) {
    server_limits limits;
    limits.*which = value;
    return limits;
}

constexpr std::size_t megabyte = std::size_t{1} << 20;

wire_frame with_metadata(std::uint32_t id, int pairs, std::size_t value_size) {
    auto request = make_request("t.S", "Metadata", payload(0, "k").SerializeAsString());
    for (int i = 0; i < pairs; ++i) {
        auto* pair = request.add_metadata();
        if (value_size == 0) continue;
        pair->set_key("k");
        pair->set_value(std::string(value_size, 'v'));
    }
    return request_frame(id, 0, request);
}

}  // namespace

TEST_CASE_METHOD(server_fixture, "metadata is bounded in number and in bytes", "[ttrpc]") {
    constexpr auto refusal = "too much metadata: resource exhausted";
    auto peer = connect();
    peer.send(with_metadata(1, 64, 1));
    CHECK(peer.receive().data.size() > 64);
    peer.send(with_metadata(3, 65, 1));
    CHECK(peer.receive() == failed(3, 8, refusal));
    peer.send(with_metadata(5, 1, 16 * 1024));
    CHECK(peer.receive() == failed(5, 8, refusal));
    peer.send(with_metadata(7, 100000, 0));
    CHECK(peer.receive() == failed(7, 8, refusal));
    CHECK(server.counters().refused_calls == 3);
    check_alive(peer, 9);
}

TEST_CASE("metadata counts as part of its request", "[ttrpc]") {
    server_fixture io(limited(&server_limits::request_bytes, 8000));
    auto peer = io.connect();
    auto request = make_request("t.S", "Sleep", payload(1000).SerializeAsString());
    auto* pair = request.add_metadata();
    pair->set_key("k");
    pair->set_value(std::string(3000, 'v'));
    peer.send(request_frame(1, 0, request));
    peer.send(request_frame(3, 0, request));
    CHECK(peer.receive() == failed(3, 8, "too many requests in flight: resource exhausted"));
    // Half is all that one connection may have.
    auto other = io.connect();
    other.send(request_frame(1, 0, request));
    CHECK(other.is_quiet());
    io.advance(1s);
    CHECK(peer.receive() == ok(1, payload(1000)));
    CHECK(other.receive() == ok(1, payload(1000)));
}

TEST_CASE("frames that are not whole are bounded in all", "[ttrpc]") {
    server_fixture io(limited(&server_limits::frame_bytes, 5 * megabyte / 2));
    auto whole = io.call(1, "Sleep", payload(0, std::string(2 * megabyte, 'x')));
    auto first = io.connect();
    auto second = io.connect();
    first.send(whole.bytes().substr(0, megabyte));
    io.poll();
    second.send(whole.bytes());
    CHECK(second.receive() == failed(1, 8, "too much input under way: resource exhausted"));
    io.check_alive(second, 3);
    // The others are not disturbed, and have room again.
    first.send(whole.bytes().substr(megabyte));
    io.poll();
    io.advance(1ms);
    CHECK(first.receive().data.size() > 2 * megabyte);
    auto third = io.connect();
    third.send(whole);
    io.poll();
    io.advance(1ms);
    CHECK(third.receive().data.size() > 2 * megabyte);
}

TEST_CASE_METHOD(server_fixture, "a frame has a time for all of its bytes", "[ttrpc]") {
    auto peer = connect();
    auto bytes = call(1, "Echo", payload(1, std::string(100, 'x'))).bytes();
    for (int i = 0; i < 6; ++i) {
        peer.send(bytes.substr(static_cast<std::size_t>(i), 1));
        CHECK(peer.is_quiet());
        advance(9s);
    }
    advance(5999ms);
    CHECK(peer.is_quiet());
    advance(1ms);
    CHECK(peer.is_closed());
}

TEST_CASE("unread input is bounded for a connection and in all", "[ttrpc]") {
    constexpr auto refusal = "data handling error: ttrpc: stream buffer full";
    server_fixture io(limited(&server_limits::input_bytes, 4 * megabyte));
    auto first = io.connect();
    auto second = io.connect();
    auto third = io.connect();
    auto message = data_frame(1, 0, std::string(megabyte - 100, 'a'));
    for (auto* peer : {&first, &second, &third}) peer->send(io.request(1, 0x02, "Stuck"));
    for (auto* peer : {&first, &second}) {
        for (int i = 0; i < 2; ++i) peer->send(message);
        CHECK(peer->is_quiet());
    }
    SECTION("of one connection") {
        first.send(io.request(3, 0x02, "Stuck"));
        first.send(data_frame(3, payload(1, std::string(1000, 'a'))));
        CHECK(first.is_quiet());
        io.advance(150ms);
        CHECK(first.receive() == failed(3, 8, refusal));
    }
    SECTION("of all") {
        third.send(data_frame(1, payload(1, std::string(1000, 'a'))));
        CHECK(third.is_quiet());
        io.advance(150ms);
        CHECK(third.receive() == failed(1, 8, refusal));
        // What a stream had goes with it.
        first.close();
        io.poll();
        third.send(io.request(3, 0x02, "Stuck"));
        third.send(data_frame(3, 0, message.data));
        io.poll();
        io.advance(150ms);
        CHECK(third.is_quiet());
    }
}

TEST_CASE_METHOD(server_fixture, "no request is looked at while a peer does not take its answers", "[ttrpc]") {
    auto peer = connect();
    std::string requests;
    auto big = payload(static_cast<std::int64_t>(100 * 1024));
    for (std::uint32_t id = 1; id < 1000; id += 2) requests += call(id, "Big", big).bytes();
    peer.send(requests);
    poll();
    // 1 MiB, one response, and what the socket holds.
    auto began = server.metrics();
    std::uint64_t started = 0;
    for (const auto& method : began) started += method.started;
    CHECK(started < 30);
    for (std::uint32_t id = 1; id < 1000; id += 2) REQUIRE(peer.receive().stream_id == id);
    check_alive(peer, 1001);
}

TEST_CASE("what calls answer at once beyond the bound is refused, what is small is not", "[ttrpc]") {
    server_fixture io(limited(&server_limits::output_bytes, 8 * megabyte));
    auto peer = io.connect();
    for (std::uint32_t id = 1; id < 40; id += 2) peer.send(io.call(id, "Sleep", payload(5, "small")));
    auto large = payload(5, std::string(megabyte, 'x'));
    for (std::uint32_t id = 41; id < 61; id += 2) peer.send(io.call(id, "Sleep", large));
    io.poll();
    io.advance(5ms);
    unsigned whole = 0;
    unsigned refused = 0;
    for (int i = 0; i < 30; ++i) {
        auto answer = peer.receive();
        if (answer.stream_id < 40) CHECK(answer == ok(answer.stream_id, payload(5, "small")));
        if (answer.stream_id > 40) {
            bool is_whole = answer == ok(answer.stream_id, large);
            if (!is_whole) {
                CHECK(answer == failed(answer.stream_id, 8, "too much output that was not taken: resource exhausted"));
            }
            ++(is_whole ? whole : refused);
        }
    }
    CHECK(whole >= 3);
    CHECK(whole <= 5);
    CHECK(refused == 10 - whole);
    io.check_alive(peer, 101);
}

TEST_CASE_METHOD(server_fixture, "a peer that takes nothing for a minute is given up", "[ttrpc]") {
    auto peer = connect();
    peer.send(request(1, 0x01, "Gen", payload(0, "flood").SerializeAsString()));
    poll();
    advance(59s);
    CHECK(server.counters().connections == 1);
    SECTION("for good") {
        advance(1s);
        CHECK(server.counters().connections == 0);
        CHECK(service->running == 0);
    }
    SECTION("not when it has taken something") {
        CHECK(peer.receive().stream_id == 1);
        poll();
        advance(59s);
        CHECK(server.counters().connections == 1);
    }
    SECTION("not when it has taken something unseen, as after a pause of the VM") {
        time.advance(1h);
        CHECK(peer.receive().stream_id == 1);
        CHECK(server.counters().connections == 1);
    }
}

TEST_CASE_METHOD(server_fixture, "a reader that waits for each message does not lose its stream", "[ttrpc]") {
    auto peer = connect();
    peer.send(request(1, 0x02, "Slow"));
    std::string upload;
    for (int i = 0; i < 5000; ++i) upload += data_frame(1, payload(1)).bytes();
    upload += end_frame(1).bytes();
    peer.send(upload);
    for (int i = 0; i < 5100; ++i) advance(1ms);
    CHECK(peer.receive() == ok(1, payload(5000, "5000")));
    check_alive(peer, 3);
}

TEST_CASE("how long a reader is waited for can be set", "[ttrpc]") {
    server_limits limits;
    limits.reader_patience = 2s;
    server_fixture io(limits);
    auto peer = io.connect();
    peer.send(io.request(1, 0x02, "Stuck"));
    for (int i = 0; i < 1025; ++i) peer.send(data_frame(1, payload(1)));
    io.poll();
    io.advance(1999ms);
    CHECK(peer.is_quiet());
    io.advance(1ms);
    CHECK(peer.receive() == failed(1, 8, "data handling error: ttrpc: stream buffer full"));
}

TEST_CASE_METHOD(server_fixture, "a peer's bad strings are not written to standard error", "[ttrpc]") {
    unique_fd collected(::memfd_create("stderr", MFD_CLOEXEC));
    unique_fd original(::dup(STDERR_FILENO));
    REQUIRE(::dup2(collected.get(), STDERR_FILENO) == STDERR_FILENO);
    auto peer = connect();
    peer.send(request(1, 0, "Echo", from_hex("1202fffe")));
    auto answer = peer.receive();
    ::dup2(original.get(), STDERR_FILENO);
    check_failed(answer, 1, 13, "ttrpc: error unmarshalling payload");
    CHECK(::lseek(collected.get(), 0, SEEK_END) == 0);
}

TEST_CASE_METHOD(server_fixture, "swapped stream ids are taken", "[ttrpc]") {
    auto peer = connect();
    peer.send(call(3, "Echo", payload(1)));
    peer.send(call(1, "Sleep", payload(1)));
    peer.send(request(7, 0x02, "Bidi"));
    peer.send(request(5, 0x02, "Bidi"));
    CHECK(peer.receive() == ok(3, payload(2)));
    for (std::uint32_t id : {5U, 7U}) {
        peer.send(data_frame(id, payload(id)));
        CHECK(peer.receive() == data_frame(id, payload(id + 1)));
    }
    advance(1ms);
    CHECK(peer.receive() == ok(1, payload(1)));
    peer.send(call(1, "Echo", payload(1)));
    CHECK(peer.receive() == failed(1, 3, reused_id));
}
