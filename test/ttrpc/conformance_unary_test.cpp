// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/server_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

struct unary : server_fixture {
    ttrpc_peer peer = connect();
};

constexpr std::int64_t millisecond = 1000000;

// The payload for which the whole Response envelope takes `size` bytes.
t::EchoPayload request_for_envelope(std::int64_t size) {
    // 5 bytes of envelope, and 5 of the message's own msg field, at these sizes.
    return payload(size - 10);
}

}  // namespace

TEST_CASE_METHOD(unary, "case 20: the golden call", "[ttrpc]") {
    peer.send(from_hex("00000013 00000001 01 00 0a03742e53 12044563686f 1a06 08011202 6869"));
    auto answer = peer.receive();
    CHECK(answer.bytes() == from_hex("00000008 00000001 02 00 1206 08021202 6869"));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "case 21: messages may be absent and empty", "[ttrpc]") {
    peer.send(request(1, 0, "Echo"));
    CHECK(peer.receive() == ok(1, payload(1)));
    peer.send(call(3, "Echo", payload(-1)));
    CHECK(peer.receive().bytes() == from_hex("00000000 00000003 02 00"));
    check_alive(peer, 5);
}

TEST_CASE_METHOD(unary, "case 22: unknown services and methods", "[ttrpc]") {
    peer.send(from_hex("00000009 00000001 01 00 0a046e6f7065 120178"));
    CHECK(peer.receive().bytes() == from_hex("00000012 00000001 02 00 0a10 080c 120c 73657276696365206e6f7065"));
    peer.send(request(3, 0, "Nope"));
    CHECK(peer.receive() == failed(3, 12, "method Nope"));
    peer.send(wire_frame{5, 1, 0, {}});
    CHECK(peer.receive() == failed(5, 12, "service "));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(unary, "case 23: an undecodable payload", "[ttrpc]") {
    peer.send(request(1, 0, "Echo", "\xff\xff\xff"));
    check_failed(peer.receive(), 1, 13, "ttrpc: error unmarshalling payload: ");
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "case 24: an error has its class's code and text, and no payload", "[ttrpc]") {
    peer.send(call(1, "Fail", payload(0, "not found")));
    CHECK(peer.receive() == failed(1, 5, "container x: not found"));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "case 25: an error without class is unknown and has only its text", "[ttrpc]") {
    peer.send(call(1, "Fail", payload(0, "plain")));
    CHECK(peer.receive() == failed(1, 2, "plain"));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "errno is mapped to its class", "[ttrpc]") {
    peer.send(call(1, "Fail", payload(0, "errno")));
    CHECK(peer.receive() == failed(1, 6, "mkdir /x: File exists"));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "an error text that is not UTF-8 or too long for a frame is made fit", "[ttrpc]") {
    peer.send(call(1, "Fail", payload(0, "bytes")));
    CHECK(peer.receive() == failed(1, 13, "child said \xef\xbf\xbd: internal"));
    peer.send(call(3, "Fail", payload(0, "long")));
    CHECK(peer.receive() == failed(3, 13, std::string(65536, 'e')));
    check_alive(peer, 5);
}

TEST_CASE_METHOD(unary, "case 26: flags do not matter to a unary call", "[ttrpc]") {
    std::uint32_t id = 1;
    for (std::uint8_t flags : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{0xff}}) {
        peer.send(request(id, flags, "Echo", payload(1).SerializeAsString()));
        CHECK(peer.receive() == ok(id, payload(2)));
        id += 2;
    }
    CHECK(peer.is_quiet());
    check_alive(peer, id);
}

TEST_CASE_METHOD(unary, "case 27: a slow call does not hold up another", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(500)));
    peer.send(call(3, "Sleep", payload(50)));
    CHECK(peer.is_quiet());
    advance(50ms);
    CHECK(peer.receive() == ok(3, payload(50)));
    CHECK(peer.is_quiet());
    advance(450ms);
    CHECK(peer.receive() == ok(1, payload(500)));
    check_alive(peer, 5);
}

TEST_CASE_METHOD(unary, "case 28: the server answers at the deadline, once, and cancels the handler", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(2000), 200 * millisecond));
    CHECK(peer.is_quiet());
    advance(199ms);
    CHECK(peer.is_quiet());
    advance(1ms);
    CHECK(peer.receive() == failed(1, 4, "context deadline exceeded"));
    CHECK(service->cancelled == 1);
    advance(5s);
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "case 28: also when the handler ignores it, its late result is dropped", "[ttrpc]") {
    peer.send(call(1, "Stubborn", payload(2000), 200 * millisecond));
    CHECK(peer.is_quiet());
    advance(200ms);
    CHECK(peer.receive() == failed(1, 4, "context deadline exceeded"));
    CHECK(service->running == 1);
    CHECK(server.counters().calls == 1);
    advance(2s);
    CHECK(service->finished == 1);
    CHECK(server.counters().calls == 0);
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "deadlines come in their own order, whatever the order of the calls", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(9000), 300 * millisecond));
    peer.send(call(3, "Sleep", payload(9000), 100 * millisecond));
    peer.send(call(5, "Sleep", payload(150), 200 * millisecond));
    CHECK(peer.is_quiet());
    advance(100ms);
    CHECK(peer.receive() == failed(3, 4, "context deadline exceeded"));
    advance(50ms);
    CHECK(peer.receive() == ok(5, payload(150)));
    advance(100ms);
    CHECK(peer.is_quiet());
    advance(50ms);
    CHECK(peer.receive() == failed(1, 4, "context deadline exceeded"));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(unary, "case 29: a deadline already past, and one out of the clock's range", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(10), -5));
    CHECK(peer.receive() == failed(1, 4, "context deadline exceeded"));
    CHECK(service->running == 0);
    peer.send(call(3, "Echo", payload(1), INT64_MAX));
    CHECK(peer.receive() == ok(3, payload(2)));
    peer.send(call(5, "Sleep", payload(10), INT64_MAX));
    CHECK(peer.is_quiet());
    advance(10ms);
    CHECK(peer.receive() == ok(5, payload(10)));
    peer.send(call(7, "Echo", payload(1), INT64_MIN));
    CHECK(peer.receive() == failed(7, 4, "context deadline exceeded"));
    check_alive(peer, 9);
}

TEST_CASE_METHOD(unary, "case 30: metadata keys are lower-cased and keep all values in order", "[ttrpc]") {
    auto asked = make_request("t.S", "Metadata", payload(0, "foo").SerializeAsString());
    for (auto [key, value] : {std::pair("foo", "1"), std::pair("Foo", "2"), std::pair("bar", "x"), std::pair("foo", "3")}) {
        auto* pair = asked.add_metadata();
        pair->set_key(key);
        pair->set_value(value);
    }
    peer.send(request_frame(1, 0, asked));
    CHECK(peer.receive() == ok(1, payload(0, "1,2,3")));
    asked.set_timeout_nano(5000 * millisecond);
    peer.send(request_frame(3, 0, asked));
    CHECK(peer.receive() == ok(3, payload(1, "1,2,3")));
    check_alive(peer, 5);
}

TEST_CASE_METHOD(unary, "case 31: losing the connection cancels its handlers, without a frame", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(5000)));
    CHECK(peer.is_quiet());
    CHECK(service->running == 1);
    SECTION("closed") {
        peer.close();
        poll();
    }
    SECTION("half-closed") {
        peer.half_close();
        CHECK(peer.is_closed());
    }
    CHECK(service->running == 0);
    CHECK(service->cancelled == 1);
    CHECK(server.counters().connections == 0);
    CHECK(server.counters().calls == 0);
}

TEST_CASE_METHOD(unary, "case 32: the largest response is delivered", "[ttrpc]") {
    peer.send(call(1, "Big", request_for_envelope(4194304)));
    auto answer = peer.receive();
    CHECK(answer.data.size() == 4194304);
    CHECK(answer == ok(1, payload(0, std::string(4194304 - 10, 'a'))));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "an answer that is serialized already is delivered within the same bounds", "[ttrpc]") {
    peer.send(call(1, "Ready", request_for_envelope(4194304)));
    CHECK(peer.receive() == ok(1, payload(0, std::string(4194304 - 10, 'a'))));
    peer.send(call(3, "Ready", request_for_envelope(4194305)));
    CHECK(peer.receive() == failed(3, 8, "message length 4194305 exceed maximum message size of 4194304"));
    peer.send(call(5, "Ready", payload(0)));
    CHECK(peer.receive() == ok(5, payload(0)));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(unary, "case 33: a larger one fails only its own call", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(300)));
    peer.send(call(3, "Big", request_for_envelope(4194305)));
    CHECK(peer.receive() == failed(3, 8, "message length 4194305 exceed maximum message size of 4194304"));
    peer.send(call(5, "Big", payload(5 << 20)));
    check_failed(peer.receive(), 5, 8, "message length 5242890 exceed");
    advance(300ms);
    CHECK(peer.receive() == ok(1, payload(300)));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(unary, "case 34: data for a running unary call ends that call once", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(500)));
    CHECK(peer.is_quiet());
    peer.send(GENERATE(data_frame(1, payload(1)), end_frame(1)));
    CHECK(peer.receive() == failed(1, 3, inactive));
    CHECK(peer.is_quiet());
    CHECK(service->cancelled == 1);
    advance(1s);
    CHECK(peer.is_quiet());
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "case 35: data that carries nothing is ignored", "[ttrpc]") {
    peer.send(call(1, "Sleep", payload(300)));
    peer.send(data_frame(1, 0x04));
    CHECK(peer.is_quiet());
    advance(300ms);
    CHECK(peer.receive() == ok(1, payload(300)));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "case 36: data for an answered call", "[ttrpc]") {
    check_alive(peer, 1);
    peer.send(data_frame(1, payload(1)));
    CHECK(peer.receive() == failed(1, 3, inactive));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(unary, "case 37: data for a stream that never was does not move the ids on", "[ttrpc]") {
    peer.send(data_frame(9, payload(1)));
    CHECK(peer.receive() == failed(9, 3, inactive));
    check_alive(peer, 1);
}

TEST_CASE_METHOD(unary, "case 38: an exception is that call's failure", "[ttrpc]") {
    peer.send(call(1, "Fail", payload(0, "throw")));
    CHECK(peer.receive() == failed(1, 13, "thrown: internal"));
    peer.send(call(3, "Fail", payload(0, "strange")));
    CHECK(peer.receive() == failed(3, 13, "exception of unknown type: internal"));
    peer.send(call(5, "Fail", payload(0, "aborted")));
    CHECK(peer.receive() == failed(5, 1, "context canceled"));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(unary, "a service answers under an alias too", "[ttrpc]") {
    server.add(service, "t.v2.S");
    peer.send(request_frame(1, 0, make_request("t.v2.S", "Echo", payload(1).SerializeAsString())));
    CHECK(peer.receive() == ok(1, payload(2)));
    CHECK(service->seen_service == "t.v2.S");
    check_alive(peer, 3);
    CHECK(service->seen_service == "t.S");
}

TEST_CASE_METHOD(unary, "what happens to methods is counted", "[ttrpc]") {
    check_alive(peer, 1);
    peer.send(call(3, "Fail", payload(0, "plain")));
    peer.receive();
    peer.send(call(5, "Sleep", payload(1000)));
    CHECK(peer.is_quiet());
    advance(3us);
    for (const auto& counts : server.metrics()) {
        CHECK(counts.service == "t.S");
        if (counts.method == "Echo") CHECK((counts.started == 1 && counts.failed == 0 && counts.running == 0));
        if (counts.method == "Echo") CHECK(counts.latency.buckets()[0] == 1);
        if (counts.method == "Fail") CHECK((counts.started == 1 && counts.failed == 1 && counts.running == 0));
        if (counts.method == "Sleep") CHECK((counts.started == 1 && counts.failed == 0 && counts.running == 1));
    }
    CHECK(server.metrics().size() == service->methods().size());
    peer.send(call(7, "Sleep", payload(5000)));
    CHECK(peer.is_quiet());
    for (const auto& counts : server.metrics()) {
        CHECK(counts.oldest.has_value() == (counts.method == "Sleep"));
        if (counts.oldest) CHECK(*counts.oldest == clock::now() - 3us);
    }
    advance(1s);
    CHECK(peer.receive() == ok(5, payload(1000)));
    for (const auto& counts : server.metrics()) {
        if (counts.method != "Sleep") continue;
        CHECK(counts.latency.buckets()[20] == 1);
        CHECK(counts.latency.total() == 1s + 3us);
        CHECK(counts.oldest == clock::now() - 1s);
    }
}

TEST_CASE_METHOD(server_fixture, "methods that nobody has called are counted with zeros", "[ttrpc]") {
    auto all = server.metrics();
    REQUIRE(all.size() == service->methods().size());
    for (const auto& counts : all) {
        CHECK_FALSE(counts.service.empty());
        CHECK_FALSE(counts.method.empty());
        CHECK(counts.started == 0);
    }
}
