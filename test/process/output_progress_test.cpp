#include "process/output_progress.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::process;
using namespace std::chrono_literals;

namespace {
constexpr clock::time_point start{1h};
}

TEST_CASE("before the exit an output is never over", "[process]") {
    output_progress progress(2s);
    progress.moved(start, 100);
    CHECK_FALSE(progress.is_over(start + 24h));
}

TEST_CASE("what descendants write is delivered for a while after the exit, then the output is over", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 0);
    CHECK_FALSE(progress.is_over(start + 2s - 1ns));
    progress.moved(start + 1s, 1 << 20);
    CHECK(progress.hold_exit_until() == start + 2s);
    CHECK(progress.is_over(start + 2s));
}

TEST_CASE("what the process wrote is never given up while the host takes it", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 100);
    progress.moved(start + 1500ms, 60);
    CHECK_FALSE(progress.is_over(start + 10s));
    CHECK(progress.hold_exit_until() == start + 3500ms);
    progress.moved(start + 3s, 39);
    CHECK(progress.hold_exit_until() == start + 5s);
    progress.moved(start + 4s, 1);
    CHECK(progress.is_over(start + 4s));
    CHECK(progress.hold_exit_until() <= start + 4s);
}

TEST_CASE("an exit is not held back for ever by a host that takes a byte now and then", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 1000);
    for (auto at = 1s; at <= 29s; at += 1s) progress.moved(start + at, 1);
    CHECK(progress.hold_exit_until() == start + 30s);
    CHECK_FALSE(progress.is_over(start + 1h));
}

TEST_CASE("Delete waits for a stalled host as long again", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 10);
    CHECK(progress.hold_exit_until() == start + 2s);
    progress.renew(start + 60s);
    CHECK(progress.hold_exit_until() == start + 62s);
}

TEST_CASE("power-off makes it short", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 10);
    progress.hurry(100ms);
    CHECK(progress.hold_exit_until() == start + 100ms);
    progress.hurry(1h);
    CHECK(progress.hold_exit_until() == start + 100ms);
}

TEST_CASE("a second exit changes nothing", "[process]") {
    output_progress progress(2s);
    progress.exited(start, 10);
    progress.exited(start + 1h, 1000);
    CHECK(progress.hold_exit_until() == start + 2s);
}
