// SPDX-License-Identifier: Apache-2.0
#include "process/output_progress.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::process;
using namespace std::chrono_literals;

namespace {
constexpr clock::time_point start{1h};
constexpr auto never = clock::time_point::max();
}  // namespace

TEST_CASE("before the exit an output is never over, and nobody waits for it", "[process]") {
    output_progress progress(2s);
    progress.moved(start, 100);
    progress.settle();
    CHECK(progress.over_at() == never);
    CHECK(progress.hold_until() <= start);
    CHECK_FALSE(progress.is_owing());
}

TEST_CASE("what descendants write is delivered for a while after the exit, then the output is over", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 0);
    CHECK(progress.over_at() == start + 2s);
    progress.moved(start + 1s, 1 << 20);
    CHECK(progress.hold_until() == start + 2s);
    CHECK(progress.over_at() == start + 2s);
}

TEST_CASE("what the process wrote is never given up while the host takes it", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 100);
    progress.moved(start + 1500ms, 60);
    CHECK(progress.over_at() == never);
    CHECK(progress.hold_until() == start + 3500ms);
    progress.moved(start + 3s, 39);
    CHECK(progress.hold_until() == start + 5s);
    CHECK(progress.is_owing());
    progress.moved(start + 4s, 1);
    CHECK_FALSE(progress.is_owing());
    CHECK(progress.over_at() == start + 2s);
    CHECK(progress.hold_until() <= start + 4s);
}

TEST_CASE("what was owed at most has ended when there is nothing more to read", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 64 << 10);
    progress.moved(start + 3s, 100);
    CHECK(progress.over_at() == never);
    progress.settle();
    CHECK(progress.over_at() == start + 2s);
}

TEST_CASE("an exit is not held back for ever by a host that takes a byte now and then", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 1000);
    for (auto at = 1s; at <= 29s; at += 1s) progress.moved(start + at, 1);
    CHECK(progress.hold_until() == start + 30s);
    CHECK(progress.over_at() == never);
}

TEST_CASE("Delete waits for a stalled host as long again, and not longer than its caller", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 10);
    CHECK(progress.hold_until() == start + 2s);
    progress.renew(start + 60s);
    CHECK(progress.hold_until() == start + 62s);
    progress.wait_until(start + 61s);
    progress.wait_until(never);
    CHECK(progress.hold_until() == start + 61s);
    progress.renew(start + 70s);
    CHECK(progress.hold_until() == start + 72s);
}

TEST_CASE("a reader is gone when it has taken nothing for long after Delete, and never before", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 10);
    CHECK(progress.gone_at() == never);
    progress.leave_behind(start + 1h, 10min);
    CHECK(progress.gone_at() == start + 1h + 10min);
    progress.moved(start + 1h + 9min, 1);
    CHECK(progress.gone_at() == start + 1h + 19min);
}

TEST_CASE("power-off makes it short", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 10);
    progress.hurry(100ms);
    CHECK(progress.hold_until() == start + 100ms);
    progress.hurry(1h);
    CHECK(progress.hold_until() == start + 100ms);
}

TEST_CASE("a second exit changes nothing", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 10);
    progress.exited(start + 1h, 1000);
    CHECK(progress.hold_until() == start + 2s);
}
