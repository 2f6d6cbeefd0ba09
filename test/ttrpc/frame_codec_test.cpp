// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/frame_codec.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "support/ttrpc_peer.hpp"

using namespace vminit;
using vminit::test::from_hex;
using vminit::test::wire_frame;
using vminit::ttrpc::frame_decoder;
using outcome = frame_decoder::outcome;

namespace {

std::string header(std::uint32_t length, std::uint32_t stream_id) {
    vminit::ttrpc::frame_header shown;
    shown.length = length;
    shown.stream_id = stream_id;
    shown.type = 1;
    std::string bytes(vminit::ttrpc::frame_header_size, '\0');
    vminit::ttrpc::encode_frame_header(shown, bytes.data());
    return bytes;
}

}  // namespace

TEST_CASE("a header is ten bytes, numbers first and big-endian", "[ttrpc]") {
    vminit::ttrpc::frame_header written;
    written.length = 0x13;
    written.stream_id = 0x01020304;
    written.type = 3;
    written.flags = 5;
    char bytes[10];
    vminit::ttrpc::encode_frame_header(written, bytes);
    CHECK(std::string(bytes, 10) == from_hex("00000013 01020304 03 05"));
    CHECK(vminit::ttrpc::decode_frame_header(bytes) == written);
    CHECK(written.is(vminit::ttrpc::message_type::data));
    CHECK(written.has(vminit::ttrpc::frame_flag::no_data));
    CHECK_FALSE(written.has(vminit::ttrpc::frame_flag::remote_open));
}

TEST_CASE("whole frames are cut from the input without a copy", "[ttrpc]") {
    auto bytes = wire_frame{1, 1, 0, "abc"}.bytes() + wire_frame{3, 3, 5, ""}.bytes();
    std::string_view input(bytes);
    frame_decoder decoder;
    vminit::ttrpc::frame got;
    REQUIRE(decoder.next(input, got) == outcome::frame);
    CHECK(got.data == "abc");
    CHECK(got.data.data() == bytes.data() + 10);
    REQUIRE(decoder.next(input, got) == outcome::frame);
    CHECK(got.header.stream_id == 3);
    CHECK(got.data.empty());
    CHECK(decoder.next(input, got) == outcome::need_more);
    CHECK_FALSE(decoder.is_inside_frame());
    CHECK(decoder.held() < 64);
}

TEST_CASE("any cutting of the input gives the same frames", "[ttrpc]") {
    std::mt19937 random(7);
    std::vector<wire_frame> sent;
    std::string bytes;
    for (std::uint32_t i = 0; i < 200; ++i) {
        auto size = random() % 4 == 0 ? random() % 20000 : random() % 20;
        sent.push_back({i, static_cast<std::uint8_t>(random() % 4), 0, std::string(size, static_cast<char>(i))});
        bytes += sent.back().bytes();
    }
    for (int round = 0; round < 20; ++round) {
        frame_decoder decoder;
        std::vector<wire_frame> got;
        for (std::size_t at = 0; at < bytes.size();) {
            std::string piece = bytes.substr(at, 1 + random() % (round % 2 == 0 ? 12 : 30000));
            at += piece.size();
            std::string_view input(piece);
            vminit::ttrpc::frame one;
            while (decoder.next(input, one) == outcome::frame) {
                got.push_back({one.header.stream_id, one.header.type, one.header.flags, std::string(one.data)});
            }
            REQUIRE(input.empty());
        }
        CHECK(got == sent);
        CHECK_FALSE(decoder.is_inside_frame());
    }
}

TEST_CASE("memory follows what arrives, not what is announced, and is given back", "[ttrpc]") {
    frame_decoder decoder;
    vminit::ttrpc::frame got;
    auto bytes = header(4194304, 1) + std::string(1000, 'a');
    std::string_view input(bytes);
    CHECK(decoder.next(input, got) == outcome::need_more);
    CHECK(decoder.is_inside_frame());
    CHECK(decoder.held() < 4096);
    std::string rest(4194304 - 1000, 'a');
    input = rest;
    REQUIRE(decoder.next(input, got) == outcome::frame);
    CHECK(got.data.size() == 4194304);
    CHECK(decoder.next(input, got) == outcome::need_more);
    CHECK(decoder.held() < 4096);
}

TEST_CASE("an oversize frame is skipped to its last byte and then reported", "[ttrpc]") {
    frame_decoder decoder;
    vminit::ttrpc::frame got;
    auto bytes = header(4194305, 9) + std::string(100, 'x');
    std::string_view input(bytes);
    CHECK(decoder.next(input, got) == outcome::need_more);
    CHECK(decoder.is_inside_frame());
    std::string rest(4194305 - 100, 'x');
    rest += wire_frame{1, 1, 0, "next"}.bytes();
    input = rest;
    REQUIRE(decoder.next(input, got) == outcome::oversize);
    CHECK(got.header.stream_id == 9);
    CHECK(got.header.length == 4194305);
    CHECK(decoder.held() < 64);
    REQUIRE(decoder.next(input, got) == outcome::frame);
    CHECK(got.data == "next");
    CHECK(decoder.discarded() == 4194305);
}

TEST_CASE("more than 64 MiB in a row are not skipped", "[ttrpc]") {
    frame_decoder decoder;
    vminit::ttrpc::frame got;
    auto bytes = GENERATE(header(0xffffffffU, 1), header((64U << 20) + 1, 1));
    SECTION("whole header") {
        std::string_view input(bytes);
        CHECK(decoder.next(input, got) == outcome::excessive);
    }
    SECTION("header in pieces") {
        std::string_view first(bytes.data(), 3);
        CHECK(decoder.next(first, got) == outcome::need_more);
        std::string_view second(bytes.data() + 3, 7);
        CHECK(decoder.next(second, got) == outcome::excessive);
    }
}

TEST_CASE("a good frame forgives what was skipped before it", "[ttrpc]") {
    frame_decoder decoder;
    vminit::ttrpc::frame got;
    auto oversize = header(32U << 20, 1) + std::string(std::size_t{32} << 20, 'x');
    auto good = wire_frame{1, 1, 0, "ok"}.bytes();
    for (int round = 0; round < 3; ++round) {
        std::string_view input(oversize);
        CHECK(decoder.next(input, got) == outcome::oversize);
        input = good;
        CHECK(decoder.next(input, got) == outcome::frame);
    }
    std::string_view input(oversize);
    CHECK(decoder.next(input, got) == outcome::oversize);
    input = oversize;
    CHECK(decoder.next(input, got) == outcome::oversize);
    input = oversize;
    CHECK(decoder.next(input, got) == outcome::excessive);
}
