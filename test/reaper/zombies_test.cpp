// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/zombies.hpp"

#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "reaper/reaper_fixture.hpp"

using namespace vminit;

TEST_CASE_METHOD(test::reaper_fixture, "ended children are the backlog until they are collected", "[reaper]") {
    if (!read_file("/proc/thread-self/children")) return;  // a kernel without CONFIG_PROC_CHILDREN
    CHECK(reaper::count_zombies(::getpid()) == 0);
    auto first = launch(shell("exit 3"));
    auto second = launch(shell("exec sleep 1000"));
    await_death(first.pid());
    CHECK(reaper::count_zombies(::getpid()) == 1);
    CHECK(exit_of(first) == 3);
    CHECK(reaper::count_zombies(::getpid()) == 0);
    REQUIRE(second.signal(SIGKILL));
    exit_of(second);
}

TEST_CASE("a child's name cannot make it a zombie", "[reaper]") {
    test::temporary_directory proc;
    REQUIRE(make_directories(proc.path("1/task/1"), 0755));
    REQUIRE(replace_file(proc.path("1/task/1/children"), "7 8 9 ", 0644));
    for (const char* pid : {"7", "8"}) REQUIRE(make_directories(proc.path(pid), 0755));
    REQUIRE(replace_file(proc.path("7/stat"), "7 (a) Z) S 1\n", 0644));
    REQUIRE(replace_file(proc.path("8/stat"), "8 (sh) Z 1\n", 0644));
    CHECK(reaper::count_zombies(1, proc.path()) == 1);  // 9 is gone meanwhile
    CHECK(reaper::count_zombies(2, proc.path()) == 0);
}
