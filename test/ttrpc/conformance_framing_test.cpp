// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>

#include <set>

#include "ttrpc/server_fixture.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

struct framing : server_fixture {
    ttrpc_peer peer = connect();
};

constexpr std::uint32_t largest = 4194304;

std::string header(std::uint32_t length, std::uint32_t stream_id, std::uint8_t type, std::uint8_t flags) {
    auto bytes = wire_frame{stream_id, type, flags, {}}.bytes();
    for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(length >> (24 - 8 * i));
    return bytes;
}

const std::string golden_echo = from_hex("00000013 00000001 01 00 0a03742e53 12044563686f 1a06 08011202 6869");
const wire_frame golden_answer{1, 2, 0, from_hex("1206 08021202 6869")};

std::size_t open_descriptors() {
    std::size_t count = 0;
    auto* directory = ::opendir("/proc/self/fd");
    while (::readdir(directory) != nullptr) ++count;
    ::closedir(directory);
    return count;
}

}  // namespace

TEST_CASE_METHOD(framing, "case 1: ten zero bytes are answered before any request, repeatedly", "[ttrpc]") {
    for (int i = 0; i < 3; ++i) {
        peer.send(from_hex("00000000 00000000 00 00"));
        CHECK(peer.receive() == failed(0, 3, even_id));
    }
    check_alive(peer, 1);
}

TEST_CASE_METHOD(framing, "case 2: a request with an even id is refused", "[ttrpc]") {
    peer.send(call(2, "Echo", payload(1)));
    CHECK(peer.receive() == failed(2, 3, even_id));
    check_alive(peer, 1);
}

TEST_CASE_METHOD(framing, "case 3: parity is checked before the type", "[ttrpc]") {
    peer.send(wire_frame{4, 9, 0, "abc"});
    CHECK(peer.receive() == failed(4, 3, even_id));
    check_alive(peer, 1);
}

TEST_CASE_METHOD(framing, "case 4: data with an even id is refused", "[ttrpc]") {
    peer.send(end_frame(6));
    CHECK(peer.receive() == failed(6, 3, even_id));
    check_alive(peer, 1);
}

TEST_CASE_METHOD(framing, "case 5: an unknown type is ignored and does not use up the id", "[ttrpc]") {
    peer.send(wire_frame{1, 9, 0xff, "junk"});
    CHECK(peer.is_quiet());
    check_alive(peer, 1);
}

TEST_CASE_METHOD(framing, "case 6: responses and type 0 are ignored", "[ttrpc]") {
    peer.send(wire_frame{3, 2, 0, "x"});
    peer.send(wire_frame{5, 0, 0, {}});
    CHECK(peer.is_quiet());
    check_alive(peer, 1);
}

TEST_CASE_METHOD(framing, "case 7: ids must grow", "[ttrpc]") {
    peer.send(call(5, "Echo", payload(1)));
    CHECK(peer.receive() == ok(5, payload(2)));
    peer.send(call(5, "Echo", payload(1)));
    CHECK(peer.receive() == failed(5, 3, reused_id));
    peer.send(call(3, "Echo", payload(1)));
    CHECK(peer.receive() == failed(3, 3, reused_id));
    check_alive(peer, 7);
}

TEST_CASE_METHOD(framing, "case 8: ids may skip up to the last one", "[ttrpc]") {
    check_alive(peer, 101);
    check_alive(peer, 4294967295U);
    peer.send(call(1, "Echo", payload(1)));
    CHECK(peer.receive() == failed(1, 3, reused_id));
}

TEST_CASE_METHOD(framing, "case 9: an undecodable request uses up its id", "[ttrpc]") {
    peer.send(wire_frame{1, 1, 0, "\xff\xff\xff"});
    check_failed(peer.receive(), 1, 3, "unmarshal request error: ");
    peer.send(call(1, "Echo", payload(1)));
    CHECK(peer.receive() == failed(1, 3, reused_id));
    check_alive(peer, 3);
}

TEST_CASE_METHOD(framing, "case 10: a service name must be UTF-8", "[ttrpc]") {
    peer.send(wire_frame{1, 1, 0, from_hex("0a02fffe")});
    check_failed(peer.receive(), 1, 3, "unmarshal request error: ");
    check_alive(peer, 3);
}

TEST_CASE_METHOD(framing, "case 11: an oversize request is skipped and does not use up its id", "[ttrpc]") {
    peer.send(wire_frame{1, 1, 0, std::string(largest + 1, 'a')});
    CHECK(peer.receive() == failed(1, 8, "message length 4194305 exceed maximum message size of 4194304"));
    peer.send(call(1, "Echo", payload(7)));
    CHECK(peer.receive() == ok(1, payload(8)));
    CHECK(server.counters().discarded_bytes == largest + 1);
    check_alive(peer, 3);
}

TEST_CASE_METHOD(framing, "case 12: the largest frame is inclusive", "[ttrpc]") {
    peer.send(wire_frame{1, 1, 0, std::string(largest, 'a')});
    check_failed(peer.receive(), 1, 3, "unmarshal request error: ");
    auto whole = call(3, "Echo", payload(1));
    // A field that we do not know, with a length of four bytes.
    auto left = largest - whole.data.size() - 6;
    whole.data += "\xa2\x06";
    for (unsigned shift : {0U, 7U, 14U}) whole.data.push_back(static_cast<char>((left >> shift & 0x7f) | 0x80));
    whole.data.push_back(static_cast<char>(left >> 21));
    whole.data.append(left, 'p');
    REQUIRE(whole.data.size() == largest);
    peer.send(whole);
    CHECK(peer.receive() == ok(3, payload(2)));
    check_alive(peer, 5);
}

TEST_CASE_METHOD(framing, "case 13: size is checked before parity and type", "[ttrpc]") {
    peer.send(wire_frame{2, 1, 0, std::string(largest + 1, 'a')});
    CHECK(peer.receive() == failed(2, 8, "message length 4194305 exceed maximum message size of 4194304"));
    peer.send(wire_frame{1, 9, 0, std::string(largest + 2, 'a')});
    CHECK(peer.receive() == failed(1, 8, "message length 4194306 exceed maximum message size of 4194304"));
    check_alive(peer, 1);
}

TEST_CASE_METHOD(framing, "case 14: bytes may come one by one", "[ttrpc]") {
    for (char byte : golden_echo) {
        CHECK(peer.is_quiet());
        peer.send(std::string_view(&byte, 1));
    }
    CHECK(peer.receive() == golden_answer);
    check_alive(peer, 3);
}

TEST_CASE_METHOD(framing, "case 14: a frame may be split anywhere", "[ttrpc]") {
    for (std::size_t at = 1; at < golden_echo.size(); ++at) {
        auto other = connect();
        other.send(golden_echo.substr(0, at));
        CHECK(other.is_quiet());
        other.send(golden_echo.substr(at));
        CHECK(other.receive() == golden_answer);
    }
}

TEST_CASE_METHOD(framing, "case 15: requests may be pipelined", "[ttrpc]") {
    std::string all;
    for (std::uint32_t id = 1; id <= 399; id += 2) all += call(id, "Echo", payload(id)).bytes();
    peer.send(all);
    std::set<std::uint32_t> answered;
    for (int i = 0; i < 200; ++i) {
        auto answer = peer.receive();
        CHECK(answer == ok(answer.stream_id, payload(answer.stream_id + 1)));
        answered.insert(answer.stream_id);
    }
    CHECK(answered.size() == 200);
    check_alive(peer, 401);
}

TEST_CASE_METHOD(framing, "case 16: a frame cut short by the end of the stream is not answered", "[ttrpc]") {
    auto bytes = GENERATE(std::string(3, '\0'), header(10, 1, 1, 0) + "abc");
    peer.send(bytes);
    peer.half_close();
    CHECK(peer.is_closed());
    CHECK(server.counters().connections == 0);
}

TEST_CASE_METHOD(framing, "case 17: a header that claims 4 GiB is given up at once", "[ttrpc]") {
    peer.send(header(0xffffffffU, 1, 1, 0) + std::string(1024, 'x'));
    CHECK(peer.is_closed());
    CHECK(server.counters().connections == 0);
}

TEST_CASE_METHOD(framing, "case 17: a peer that stalls inside a frame is given up, an idle one is not", "[ttrpc]") {
    auto idle = connect();
    auto claimed = GENERATE(std::uint32_t{100}, largest + 1);
    peer.send(header(claimed, 1, 1, 0) + "some");
    CHECK(peer.is_quiet());
    advance(30s);
    peer.send("more");
    CHECK(peer.is_quiet());
    advance(29s);
    CHECK(peer.is_quiet());
    advance(1s);
    CHECK(peer.is_closed());
    check_alive(idle, 1);
}

TEST_CASE_METHOD(framing, "case 18: an idle connection stays open and silent", "[ttrpc]") {
    poll();
    advance(10s);
    CHECK(peer.is_quiet());
    check_alive(peer, 1);
    advance(24h);
    check_alive(peer, 3);
}

TEST_CASE_METHOD(server_fixture, "case 19: a thousand probes leak nothing and are not logged", "[ttrpc]") {
    temporary_directory directory;
    auto where = vminit::ttrpc::address::unix_socket(directory.path("s"));
    REQUIRE(server.listen(where));
    bool first = false;
    unsigned accepts = 0;
    server.on_first_accept([&] {
        first = true;
        ++accepts;
    });
    log().set_level(log_level::info);
    poll();
    auto before = open_descriptors();
    for (int i = 0; i < 1000; ++i) {
        auto socket = run(vminit::ttrpc::connect(where, 5s));
        REQUIRE(socket);
        ttrpc_peer prober(*this, unique_fd(::dup(socket->native_handle())));
        socket->close();
        prober.send(from_hex("00000000 00000000 00 00"));
        REQUIRE(prober.receive() == failed(0, 3, even_id));
        prober.close();
        poll();
    }
    CHECK(open_descriptors() == before);
    CHECK(server.counters().connections == 0);
    CHECK(server.counters().accepted == 1000);
    CHECK(first);
    CHECK(accepts == 1);
    CHECK(lines.empty());
}
