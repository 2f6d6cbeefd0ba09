// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/clock.hpp"

#include <cassert>

namespace vminit {

namespace {
bool manual_active = false;
clock::time_point manual_now;
}  // namespace

clock::time_point clock::now() noexcept {
    if (manual_active) return manual_now;
    return time_point(std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

manual_time::manual_time(clock::time_point start) {
    assert(!manual_active && "one manual_time at a time");
    manual_active = true;
    manual_now = start;
}

manual_time::~manual_time() { manual_active = false; }

void manual_time::advance(clock::duration step) noexcept { manual_now += step; }

bool manual_time::is_active() noexcept { return manual_active; }

wall_time wall_now() noexcept {
    return std::chrono::time_point_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now());
}

}  // namespace vminit
