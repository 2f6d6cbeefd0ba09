// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "ttrpc/server_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

struct streams : server_fixture {
    ttrpc_peer peer = connect();

    void open(std::uint32_t id, const std::string& method, std::uint8_t flags = 0x02) {
        peer.send(request(id, flags, method));
    }
};

}  // namespace

TEST_CASE_METHOD(streams, "case 39, 43: bidi echoes until the half-close, whatever the flags of its request", "[ttrpc]") {
    peer.send(GENERATE(from_hex("0000000b 00000001 01 02 0a03742e53 120442696469"),
                       from_hex("0000000b 00000001 01 00 0a03742e53 120442696469"),
                       from_hex("0000000b 00000001 01 06 0a03742e53 120442696469")));
    peer.send(from_hex("00000005 00000001 03 00 0801120161"));
    CHECK(peer.receive() == data_frame(1, payload(2, "a")));
    peer.send(data_frame(1, 0x02, payload(5).SerializeAsString()));
    CHECK(peer.receive() == data_frame(1, payload(6)));
    peer.send(from_hex("00000000 00000001 03 05"));
    CHECK(peer.receive().bytes() == from_hex("00000000 00000001 03 05"));
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 40: bidi closed at once", "[ttrpc]") {
    open(1, "Bidi");
    peer.send(end_frame(1));
    CHECK(peer.receive() == end_frame(1));
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 41: the payload of the request is the first message", "[ttrpc]") {
    peer.send(request(1, 0x02, "Bidi", payload(10).SerializeAsString()));
    CHECK(peer.receive() == data_frame(1, payload(11)));
    peer.send(end_frame(1));
    CHECK(peer.receive() == end_frame(1));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 42: a request may close the client's side", "[ttrpc]") {
    peer.send(request(1, 0x01, "Bidi", payload(10).SerializeAsString()));
    CHECK(peer.receive() == data_frame(1, payload(11)));
    CHECK(peer.receive() == end_frame(1));
    open(3, "Bidi", 0x01);
    CHECK(peer.receive() == end_frame(3));
    check_alive(peer, 5);
}

TEST_CASE_METHOD(streams, "case 44: the last message may come with the half-close", "[ttrpc]") {
    open(1, "Bidi");
    peer.send(data_frame(1, 0x01, payload(1).SerializeAsString()));
    CHECK(peer.receive() == data_frame(1, payload(2)));
    CHECK(peer.receive() == end_frame(1));
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 45: also an empty one", "[ttrpc]") {
    open(1, "Bidi");
    peer.send(data_frame(1, 0x01));
    CHECK(peer.receive() == data_frame(1, payload(1)));
    CHECK(peer.receive() == end_frame(1));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 46: no-data frames are ignored, empty messages are not", "[ttrpc]") {
    open(1, "Bidi");
    peer.send(data_frame(1, 0x04, payload(1).SerializeAsString()));
    CHECK(peer.is_quiet());
    peer.send(data_frame(1, 0));
    CHECK(peer.receive() == data_frame(1, payload(1)));
    peer.send(data_frame(1, 0x05, payload(7).SerializeAsString()));
    CHECK(peer.receive() == end_frame(1));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 47: a failed stream ends with its status", "[ttrpc]") {
    open(1, "Bidi");
    peer.send(data_frame(1, payload(1)));
    CHECK(peer.receive() == data_frame(1, payload(2)));
    peer.send(data_frame(1, payload(1, "fail")));
    CHECK(peer.receive() == failed(1, 2, "bidi failed"));
    peer.send(data_frame(1, payload(1)));
    CHECK(peer.receive() == failed(1, 3, inactive));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 48: an undecodable message ends the stream, once", "[ttrpc]") {
    open(1, "Bidi");
    peer.send(data_frame(1, 0, "\xff\xff\xff"));
    check_failed(peer.receive(), 1, 13, "ttrpc: error unmarshalling payload: ");
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 49: a client stream is answered once", "[ttrpc]") {
    open(1, "Sum");
    peer.send(data_frame(1, payload(1)));
    peer.send(data_frame(1, payload(2)));
    peer.send(data_frame(1, 0));
    CHECK(peer.is_quiet());
    peer.send(end_frame(1));
    CHECK(peer.receive() == ok(1, payload(3, "3")));
    open(3, "Sum");
    peer.send(end_frame(3));
    CHECK(peer.receive() == ok(3, payload(0, "0")));
    peer.send(request(5, 0x02, "Sum", payload(9).SerializeAsString()));
    peer.send(data_frame(5, payload(1)));
    peer.send(end_frame(5));
    CHECK(peer.receive() == ok(5, payload(10, "2")));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(streams, "case 50: a server stream ends with its own frame", "[ttrpc]") {
    for (std::uint32_t id : {1U, 3U}) {
        std::uint8_t flags = id == 1 ? 0x01 : 0x00;
        peer.send(request(id, flags, "Gen", payload(3).SerializeAsString()));
        CHECK(peer.receive() == data_frame(id, 0));
        CHECK(peer.receive() == data_frame(id, payload(1)));
        CHECK(peer.receive() == data_frame(id, payload(2)));
        CHECK(peer.receive() == end_frame(id));
        CHECK(peer.is_quiet());
    }
    open(5, "Gen", 0x01);
    CHECK(peer.receive() == end_frame(5));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(streams, "a server stream's client may half-close by itself", "[ttrpc]") {
    peer.send(request(1, 0x00, "Gen", payload(0, "wait").SerializeAsString()));
    peer.send(end_frame(1));
    CHECK(peer.is_quiet());
    CHECK(service->running == 1);
    peer.send(end_frame(1));
    CHECK(peer.is_quiet());
    peer.send(data_frame(1, payload(1)));
    CHECK(peer.receive() == failed(1, 3, "data handling error: ttrpc: stream closed"));
    CHECK(peer.is_quiet());
    CHECK(service->cancelled == 1);
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 51: a server stream that fails has no end frame", "[ttrpc]") {
    peer.send(request(1, 0x01, "Gen", payload(2, "abort").SerializeAsString()));
    CHECK(peer.receive() == data_frame(1, 0));
    CHECK(peer.receive() == data_frame(1, payload(1)));
    CHECK(peer.receive() == failed(1, 10, "gen: aborted"));
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 52: a message that is too large ends its stream only", "[ttrpc]") {
    open(1, "Bidi");
    peer.send(request(3, 0x01, "Gen", payload(1, "big").SerializeAsString()));
    CHECK(peer.receive() == data_frame(3, 0));
    CHECK(peer.receive() == failed(3, 8, "message length 5242885 exceed maximum message size of 4194304"));
    REQUIRE_FALSE(service->last_write);
    CHECK(service->last_write.error().kind() == errc::resource_exhausted);
    peer.send(data_frame(1, payload(1)));
    CHECK(peer.receive() == data_frame(1, payload(2)));
    CHECK(peer.is_quiet());
    check_alive(peer, 5);
}

TEST_CASE_METHOD(streams, "case 53: data after the half-close ends the stream once", "[ttrpc]") {
    open(1, "Stuck");
    peer.send(end_frame(1));
    CHECK(peer.is_quiet());
    peer.send(data_frame(1, payload(1)));
    CHECK(peer.receive() == failed(1, 3, "data handling error: ttrpc: stream closed"));
    CHECK(peer.is_quiet());
    CHECK(service->cancelled == 1);
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 54: a stream nobody reads overflows alone", "[ttrpc]") {
    open(1, "Stuck");
    std::string flood;
    for (int i = 0; i < 10000; ++i) flood += data_frame(1, payload(1)).bytes();
    peer.send(flood);
    peer.send(call(3, "Echo", payload(1)));
    CHECK(peer.is_quiet());
    advance(150ms);
    CHECK(peer.receive() == failed(1, 8, "data handling error: ttrpc: stream buffer full"));
    CHECK(peer.receive() == ok(3, payload(2)));
    CHECK(peer.is_quiet());
    CHECK(service->cancelled == 1);
    check_alive(peer, 5);
}

TEST_CASE_METHOD(streams, "a stream's unread input is bounded in bytes too", "[ttrpc]") {
    open(1, "Stuck");
    auto megabyte = data_frame(1, 0, std::string(std::size_t{1} << 20, 'a'));
    for (int i = 0; i < 4; ++i) peer.send(megabyte);
    CHECK(peer.is_quiet());
    peer.send(megabyte);
    CHECK(peer.is_quiet());
    advance(150ms);
    CHECK(peer.receive() == failed(1, 8, "data handling error: ttrpc: stream buffer full"));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "a handler that reads keeps up with a peer that does not wait", "[ttrpc]") {
    open(1, "Sum");
    std::string flood;
    for (int i = 0; i < 20000; ++i) flood += data_frame(1, payload(1)).bytes();
    peer.send(flood);
    peer.send(end_frame(1));
    CHECK(peer.receive() == ok(1, payload(20000, "20000")));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 55: oversize data ends its stream once", "[ttrpc]") {
    open(1, "Bidi");
    CHECK(peer.is_quiet());
    peer.send(data_frame(1, 0, std::string(4194305, 'a')));
    CHECK(peer.receive() == failed(1, 8, "message length 4194305 exceed maximum message size of 4194304"));
    CHECK(peer.is_quiet());
    CHECK(service->cancelled == 1);
    peer.send(data_frame(1, payload(1)));
    CHECK(peer.receive() == failed(1, 3, inactive));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 56: a stream may have a deadline", "[ttrpc]") {
    peer.send(request(1, 0x02, "Stuck", {}, 200000000));
    CHECK(peer.is_quiet());
    advance(200ms);
    CHECK(peer.receive() == failed(1, 4, "context deadline exceeded"));
    CHECK(service->cancelled == 1);
    check_alive(peer, 3);
}

TEST_CASE_METHOD(streams, "case 57: losing the connection cancels streams", "[ttrpc]") {
    open(1, "Stuck");
    open(3, "Bidi");
    CHECK(peer.is_quiet());
    CHECK(service->running == 2);
    peer.close();
    poll();
    CHECK(service->running == 0);
    CHECK(service->cancelled == 2);
}

TEST_CASE_METHOD(streams, "case 58: streams keep their own order", "[ttrpc]") {
    constexpr std::uint32_t count = 100;
    std::string all;
    for (std::uint32_t i = 0; i < count; ++i) all += request(2 * i + 1, 0x02, "Bidi").bytes();
    for (int message = 0; message < 100; ++message) {
        for (std::uint32_t i = 0; i < count; ++i) all += data_frame(2 * i + 1, payload(message)).bytes();
    }
    for (std::uint32_t i = 0; i < count; ++i) all += end_frame(2 * i + 1).bytes();
    peer.send(all);
    std::map<std::uint32_t, int> next;
    unsigned ended = 0;
    while (ended < count) {
        auto incoming = peer.receive();
        auto& expected = next[incoming.stream_id];
        if (expected < 100) {
            REQUIRE(incoming == data_frame(incoming.stream_id, payload(expected + 1)));
        } else {
            REQUIRE(incoming == end_frame(incoming.stream_id));
            ++ended;
        }
        ++expected;
    }
    CHECK(peer.is_quiet());
    check_alive(peer, 2 * count + 1);
}

TEST_CASE_METHOD(streams, "case 59: a server may finish early, late data is answered each time", "[ttrpc]") {
    open(1, "Early");
    CHECK(peer.receive() == ok(1, payload(1, "early")));
    open(3, "Bidi");
    peer.send(data_frame(3, payload(1, "stop")));
    CHECK(peer.receive() == end_frame(3));
    for (std::uint32_t id : {1U, 3U, 3U}) {
        peer.send(data_frame(id, payload(1)));
        CHECK(peer.receive() == failed(id, 3, inactive));
    }
    peer.send(end_frame(3));
    CHECK(peer.receive() == failed(3, 3, inactive));
    check_alive(peer, 5);
}

TEST_CASE_METHOD(streams, "a peer that does not read stops only its own connection", "[ttrpc]") {
    peer.send(request(1, 0x01, "Gen", payload(0, "flood").SerializeAsString()));
    poll();
    auto written = service->finished;
    poll();
    CHECK(service->finished == written);
    CHECK(written < 60);
    auto other = connect();
    check_alive(other, 1);
    peer.send(call(3, "Echo", payload(1)));
    poll();
    CHECK(service->seen_peer.empty() == false);
    peer.close();
    poll();
    CHECK(service->running == 0);
}

TEST_CASE_METHOD(streams, "flushed waits for the peer, and fails when it goes", "[ttrpc]") {
    peer.send(request(1, 0x01, "Gen", payload(1, "flush").SerializeAsString()));
    CHECK(peer.receive() == data_frame(1, 0));
    CHECK(peer.receive() == end_frame(1));
    CHECK(service->last_write);
    CHECK(service->finished == 1);
    check_alive(peer, 3);
}
