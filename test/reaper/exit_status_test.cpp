// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/exit_status.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::reaper;

TEST_CASE("an exit status is the exit code or 128 plus the signal", "[reaper]") {
    auto now = wall_time(std::chrono::seconds(1700000000));
    // The encodings of waitpid(2): code << 8, signal in the low 7 bits, 0x80 for a core dump.
    auto [wait_status, expected] = GENERATE(table<int, int>({
        {0, 0},
        {1 << 8, 1},
        {255 << 8, 255},
        {9, 137},
        {15, 143},
        {11 | 0x80, 139},
    }));
    CHECK(from_wait_status(wait_status, now) == exit_status(expected, now));
}
