// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/stream_ids.hpp"

#include <catch2/catch.hpp>

using vminit::ttrpc::stream_ids;

TEST_CASE("stream ids are used once each", "[ttrpc]") {
    stream_ids ids;
    for (std::uint32_t id : {1U, 3U, 5U}) CHECK(ids.take(id));
    CHECK_FALSE(ids.take(5));
    CHECK_FALSE(ids.take(1));
    CHECK(ids.take(7));
}

TEST_CASE("a skipped stream id may come late, once", "[ttrpc]") {
    stream_ids ids;
    CHECK(ids.take(3));
    CHECK(ids.take(1));
    CHECK(ids.take(9));
    CHECK(ids.take(7));
    CHECK(ids.take(11));
    CHECK(ids.take(5));
    CHECK_FALSE(ids.take(5));
}

TEST_CASE("only a window of skipped stream ids is remembered", "[ttrpc]") {
    stream_ids ids;
    CHECK(ids.take(1));
    CHECK(ids.take(4001));
    CHECK(ids.take(4001 - stream_ids::window + 2));
    CHECK_FALSE(ids.take(4001 - stream_ids::window));
    CHECK(ids.take(4294967295U));
    CHECK(ids.take(4294967297U - stream_ids::window));
    CHECK_FALSE(ids.take(4005));
}

TEST_CASE("who uses a stream id twice loses those it has skipped", "[ttrpc]") {
    stream_ids ids;
    CHECK(ids.take(5));
    CHECK_FALSE(ids.take(5));
    CHECK_FALSE(ids.take(3));
    CHECK(ids.take(9));
    CHECK(ids.take(7));
}
