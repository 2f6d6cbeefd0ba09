// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <chrono>
#include <new>

#include "reaper/reaper_fixture.hpp"
#include "support/no_memory.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::reaper;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

using outcome = std::optional<std::optional<exit_status>>;

awaitable<void> note_exit(child& waited, outcome& into) { into.emplace(co_await waited.wait_for(100s)); }

}  // namespace

TEST_CASE_METHOD(reaper_fixture, "a bounded wait that lacks memory anywhere has the exit all the same", "[reaper]") {
    task_group tasks(ex(), log());
    int failures = 0;
    bool has_failed = true;
    for (int which = 0; has_failed; ++which) {
        CAPTURE(which);
        auto process = launch(shell("exec sleep 1000"));
        outcome ended;
        tasks.spawn("wait", note_exit(process, ended));
        {
            no_memory once(1, which);
            ctx.restart();
            ctx.poll();
            has_failed = no_memory::is_over();
        }
        if (has_failed) ++failures;
        CHECK_FALSE(ended);
        REQUIRE(process.signal(SIGKILL));
        pump([&] { return ended.has_value(); });
        REQUIRE(*ended);
        CHECK((*ended)->value == 137);
    }
    CHECK(failures > 1);
}

TEST_CASE_METHOD(reaper_fixture, "a process group is killed without memory", "[reaper]") {
    auto options = shell("exec sleep 1000");
    options.group = process_group::own;
    auto process = launch(std::move(options));
    bool is_killed = false;
    {
        no_memory none;
        is_killed = process.signal_group(SIGKILL).has_value();
    }
    CHECK(is_killed);
    CHECK(exit_of(process) == 137);
}

TEST_CASE_METHOD(reaper_fixture, "a launch that lacks memory anywhere leaves no process behind", "[reaper]") {
    const auto before = read_file("/proc/thread-self/children").value();
    int failures = 0;
    bool has_failed = true;
    for (int which = 0; has_failed; ++which) {
        CAPTURE(which);
        auto options = shell("exec sleep 1000");
        std::optional<result<child>> started;
        try {
            no_memory once(1, which);
            started.emplace(reaper.launch(std::move(options)));
        } catch (const std::bad_alloc&) {
        }
        has_failed = !started;
        if (has_failed) {
            ++failures;
            CHECK(read_file("/proc/thread-self/children").value() == before);
            continue;
        }
        REQUIRE(*started);
        REQUIRE((*started)->signal(SIGKILL));
        CHECK(exit_of(**started) == 137);
    }
    CHECK(failures > 5);
}
