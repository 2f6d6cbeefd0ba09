// SPDX-License-Identifier: Apache-2.0
// The blocking pool when memory is short.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <new>

#include "support/io_fixture.hpp"
#include "support/no_memory.hpp"
#include "vminit/core/blocking.hpp"

using namespace vminit;

namespace {

thread_local int completions_to_fail = 0;

constexpr auto lane = blocking_lane::mounts;

awaitable<result<int>> five(blocking_service& pool) {
    co_return co_await pool.run(lane, []() -> result<int> { return 5; }, "five");
}

// What became of a job while the loop's allocation number `which` failed: its value, or -1.
int run_without(test::io_fixture& io, blocking_service& pool, int which, bool& has_failed) {
    test::no_memory once(1, which);
    int value = -1;
    try {
        auto outcome = io.run(five(pool));
        if (outcome) value = *outcome;
    } catch (const std::bad_alloc&) {
    }
    has_failed = test::no_memory::is_over();
    return value;
}

}  // namespace

// Asio's operations come from here when a thread is not the loop's.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
    if (completions_to_fail > 0 && completions_to_fail-- > 0) return nullptr;
    void* made = nullptr;
    return ::posix_memalign(&made, alignment, size) == 0 ? made : nullptr;
}

TEST_CASE("a finished job is told as soon as there is memory to tell it with", "[core]") {
    test::io_fixture io;
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    auto job = []() -> result<int> {
        completions_to_fail = 3;
        return 5;
    };
    CHECK(io.run(pool.run(lane, job, "five")).value() == 5);
}

TEST_CASE("a job for which there is no memory fails, and the pool goes on", "[core]") {
    test::io_fixture io;
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    bool has_failed = true;
    int failures = 0;
    for (int which = 0; has_failed; ++which) {
        int value = run_without(io, pool, which, has_failed);
        failures += value == -1;
        CHECK((value == 5 || value == -1));
        CHECK(io.run(five(pool)).value() == 5);
        CHECK(pool.counters(lane).queued == 0);
    }
    CHECK(failures > 0);
}
