// SPDX-License-Identifier: Apache-2.0
#include "events/held_events.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::events;

namespace {

shared_event numbered(std::uint64_t sequence) {
    return std::make_shared<const envelope>(sequence, wall_time(), task_start{"c", 1});
}

std::vector<std::uint64_t> numbers_in(const held_events& ring) {
    std::vector<std::uint64_t> numbers;
    for (const auto& entry : ring.entries()) numbers.push_back(entry.event->sequence);
    return numbers;
}

using numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("events are kept in the order of their numbers, each once", "[events]") {
    held_events ring(4);
    for (auto sequence : {5, 3, 4, 3}) ring.keep(numbered(static_cast<std::uint64_t>(sequence)), custody::undelivered);
    CHECK(numbers_in(ring) == numbers{3, 4, 5});
    ring.forget(4);
    ring.forget(99);
    CHECK(numbers_in(ring) == numbers{3, 5});
}

TEST_CASE("over its capacity the ring drops the oldest and remembers which range is lost", "[events]") {
    held_events ring(2);
    CHECK_FALSE(ring.keep(numbered(1), custody::undelivered));
    CHECK_FALSE(ring.keep(numbered(2), custody::unacknowledged));
    CHECK(ring.keep(numbered(3), custody::undelivered));
    CHECK(ring.keep(numbered(4), custody::undelivered));
    CHECK(numbers_in(ring) == numbers{3, 4});
    CHECK(ring.lost_count() == 2);
    auto lost = ring.take_lost();
    REQUIRE(lost);
    CHECK(lost->first == 1);
    CHECK(lost->last == 2);
    CHECK_FALSE(ring.take_lost());
}

TEST_CASE("what was only kept for resuming is dropped without a loss", "[events]") {
    held_events ring(1);
    ring.keep(numbered(1), custody::delivered);
    CHECK_FALSE(ring.keep(numbered(2), custody::delivered));
    CHECK_FALSE(ring.take_lost());
    CHECK(ring.lost_count() == 0);
}

TEST_CASE("acknowledging releases what somebody has got, not what nobody has", "[events]") {
    held_events ring(8);
    ring.keep(numbered(1), custody::unacknowledged);
    ring.keep(numbered(2), custody::undelivered);
    ring.keep(numbered(3), custody::delivered);
    ring.keep(numbered(4), custody::unacknowledged);
    ring.acknowledge_through(3);
    CHECK(numbers_in(ring) == numbers{2, 4});
}
