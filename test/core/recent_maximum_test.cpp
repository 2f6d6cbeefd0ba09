// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/recent_maximum.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace std::chrono_literals;

namespace {

constexpr clock::time_point start(1h);

}  // namespace

TEST_CASE("the longest recent duration is told, however often it is asked for", "[core]") {
    recent_maximum longest;
    CHECK(longest.value(start) == 0ns);
    longest.record(3ms, start);
    longest.record(7ms, start + 1s);
    longest.record(5ms, start + 2s);
    CHECK(longest.value(start + 2s) == 7ms);
    CHECK(longest.value(start + 2s) == 7ms);
}

TEST_CASE("a duration counts for a window at least and two at most", "[core]") {
    recent_maximum longest;
    longest.record(1ms, start);
    longest.record(9ms, start + 59s);
    CHECK(longest.value(start + 59s + recent_maximum::window) == 9ms);
    longest.record(2ms, start + 100s);
    CHECK(longest.value(start + 100s) == 9ms);
    CHECK(longest.value(start + 59s + 2 * recent_maximum::window) == 2ms);
}

TEST_CASE("after a silence of two windows nothing is left", "[core]") {
    recent_maximum longest;
    longest.record(9ms, start);
    CHECK(longest.value(start + 2 * recent_maximum::window) == 0ns);
    longest.record(4ms, start + 10h);
    CHECK(longest.value(start + 10h) == 4ms);
}
