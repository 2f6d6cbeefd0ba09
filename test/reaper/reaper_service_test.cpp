// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/reaper_service.hpp"

#include <signal.h>
#include <sys/stat.h>

#include "reaper/reaper_fixture.hpp"

using namespace vminit;
using namespace vminit::reaper;
using test::reaper_fixture;

TEST_CASE_METHOD(reaper_fixture, "200 children that end at once are told apart", "[reaper]") {
    auto pipe = syscalls::pipe().value();
    std::vector<child> children;
    for (int i = 0; i < 200; ++i) {
        auto options = shell("read line; exit " + std::to_string(i));
        options.stdin_fd = pipe.read_end.get();
        children.push_back(launch(std::move(options)));
    }
    pipe.write_end.reset();
    for (int i = 0; i < 200; ++i) CHECK(exit_of(children[static_cast<std::size_t>(i)]) == i);
    auto counters = reaper.counters();
    CHECK(counters.launched == 200);
    CHECK(counters.reaped == 200);
    CHECK(counters.known == 0);
}

TEST_CASE_METHOD(reaper_fixture, "known children are collected during a hold, unknown ones are not", "[reaper]") {
    auto hold = reaper.hold();
    auto pid = orphan("exit 5");
    await_death(pid);
    CHECK(exit_of(launch(shell("exit 6"))) == 6);
    CHECK(reaper.counters().orphans_reaped == 0);
    CHECK(::kill(pid, 0) == 0);  // the zombie is there: its pid is not anybody else's
    hold.release();
    CHECK(reaper.counters().orphans_reaped == 1);
    CHECK(::kill(pid, 0) == -1);
}

TEST_CASE_METHOD(reaper_fixture, "a process that died before its adoption still has its exit status", "[reaper]") {
    auto hold = reaper.hold();
    auto pid = orphan("exit 9");
    await_death(pid);
    auto process = reaper.adopt(pid);
    REQUIRE(process);
    REQUIRE(process->exited());
    CHECK(process->exited()->value == 9);
    CHECK(exit_of(*process) == 9);
    CHECK(::kill(pid, 0) == -1);
    CHECK(reaper.counters().adopted == 1);
    CHECK(reaper.counters().orphans_reaped == 0);
}

TEST_CASE_METHOD(reaper_fixture, "a process that dies after its adoption is collected, hold or not", "[reaper]") {
    auto hold = reaper.hold();
    REQUIRE(::mkfifo(directory.path("fifo").c_str(), 0600) == 0);
    auto pid = orphan("read line < " + directory.path("fifo") + "; exit 11");
    auto process = reaper.adopt(pid);
    REQUIRE(process);
    CHECK_FALSE(process->exited());
    if (GENERATE(true, false)) hold.release();
    auto release = syscalls::open(directory.path("fifo"), O_WRONLY);
    release->reset();
    CHECK(exit_of(*process) == 11);
}

TEST_CASE_METHOD(reaper_fixture, "an adopted process is signalled by what it is, not by its number", "[reaper]") {
    auto hold = reaper.hold();
    auto process = reaper.adopt(orphan("exec sleep 1000"));
    REQUIRE(process);
    REQUIRE(process->signal(SIGTERM));
    CHECK(exit_of(*process) == 143);
    CHECK(process->signal(SIGTERM).error().kind() == errc::not_found);
    CHECK(process->signal_group(SIGTERM).error().kind() == errc::failed_precondition);
}

TEST_CASE_METHOD(reaper_fixture, "what is not a free child of ours cannot be adopted", "[reaper]") {
    auto hold = reaper.hold();
    CHECK(reaper.adopt(0).error().kind() == errc::invalid_argument);
    CHECK(reaper.adopt(-5).error().kind() == errc::invalid_argument);
    CHECK(reaper.adopt(::getpid()).error().kind() == errc::not_found);
    CHECK(reaper.adopt(1).error().kind() == errc::not_found);
    CHECK(reaper.adopt(0x7fffffff).error().message() == "pid 2147483647 is no child of ours: not found");
    auto process = launch(shell("exec sleep 1000"));
    CHECK(reaper.adopt(process.pid()).error().kind() == errc::already_exists);
    REQUIRE(process.signal(SIGKILL));
    CHECK(exit_of(process) == 137);
    CHECK(reaper.adopt(process.pid()).error().kind() == errc::not_found);
}

TEST_CASE_METHOD(reaper_fixture, "without a hold orphans are collected as they end", "[reaper]") {
    CHECK(exit_of(launch(shell("for i in 1 2 3 4 5 6 7 8; do (exit 3) & done"))) == 0);
    pump([&] { return reaper.counters().orphans_reaped == 8; });
    CHECK(reaper.counters().reaped == 1);
}

TEST_CASE_METHOD(reaper_fixture, "holds nest: only the last one lets go", "[reaper]") {
    auto first = reaper.hold();
    auto second = reaper.hold();
    auto pid = orphan("exit 1");
    await_death(pid);
    start_hold moved = std::move(first);
    CHECK_FALSE(first);
    first.release();
    second.release();
    second.release();
    CHECK(reaper.counters().holds == 1);
    CHECK(reaper.counters().orphans_reaped == 0);
    moved = start_hold();
    CHECK(reaper.counters().holds == 0);
    CHECK(reaper.counters().orphans_reaped == 1);
}

TEST_CASE("children that died before there was a reaper are collected", "[reaper]") {
    pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    reaper_fixture::await_death(pid);
    reaper_fixture fixture;
    CHECK(fixture.reaper.counters().orphans_reaped == 1);
}

TEST_CASE_METHOD(reaper_fixture, "a fork storm during a hold is collected and its statuses are kept", "[reaper]") {
    auto hold = reaper.hold();
    constexpr auto storm = reaper_service::max_held_zombies + 500;
    auto pipe = syscalls::pipe().value();
    pid_t parent = ::fork();
    if (parent == 0) {
        for (std::size_t i = 0; i < storm; ++i) {
            pid_t one = ::vfork();
            if (one == 0) ::_exit(2);
            if (i == 0 && ::write(pipe.write_end.get(), &one, sizeof one) < 0) ::_exit(1);
        }
        ::_exit(0);  // all at once they become ours
    }
    pid_t first = -1;
    auto read_first = [&] { return ::read(pipe.read_end.get(), &first, sizeof first); };
    REQUIRE(syscalls::raw("read", read_first).value() == sizeof first);
    pump([&] { return reaper.counters().kept > storm - reaper_service::max_held_zombies; });
    CHECK(::kill(first, 0) == -1);
    auto process = reaper.adopt(first);
    REQUIRE(process);
    CHECK(exit_of(*process) == 2);
    CHECK(process->signal(SIGTERM).error().kind() == errc::not_found);
    hold.release();
    CHECK(reaper.counters().kept == 0);
    CHECK(reaper.adopt(first).error().kind() == errc::not_found);
    pump([&] { return reaper.counters().orphans_reaped == storm + 1; });
}

TEST_CASE_METHOD(reaper_fixture, "counters tell what happened", "[reaper]") {
    CHECK_FALSE(reaper.launch(spawn_options("/nonexistent")));
    auto process = launch(shell("exit 0"));
    CHECK(reaper.counters().known == 1);
    CHECK(exit_of(process) == 0);
    auto counters = reaper.counters();
    CHECK(counters.launched == 1);
    CHECK(counters.launch_failures == 1);
    CHECK(counters.reaped == 1);
    CHECK(counters.known == 0);
    CHECK(counters.holds == 0);
}

// In a pid namespace of our own: run by ctest under `unshare -Urmpf --mount-proc`.

namespace {

// The kernel gives the next process this pid if it is free.
void next_pid_is(pid_t pid) { REQUIRE(write_file("/proc/sys/kernel/ns_last_pid", std::to_string(pid - 1))); }

}  // namespace

TEST_CASE_METHOD(reaper_fixture, "a held zombie's pid is not given away", "[.][privileged]") {
    auto hold = reaper.hold();
    auto pid = orphan("exit 21");
    await_death(pid);
    next_pid_is(pid);
    auto other = launch(shell("exit 22"));
    CHECK(other.pid() != pid);
    auto process = reaper.adopt(pid);
    REQUIRE(process);
    CHECK(exit_of(*process) == 21);
    CHECK(exit_of(other) == 22);
}

TEST_CASE_METHOD(reaper_fixture, "a pid used again means the new process, and the old handle stays the old one",
                 "[.][privileged]") {
    auto old = launch(shell("exit 31"));
    auto pid = old.pid();
    CHECK(exit_of(old) == 31);
    next_pid_is(pid);
    auto young = launch(shell("exec sleep 1000"));
    REQUIRE(young.pid() == pid);
    CHECK(old.signal(SIGKILL).error().kind() == errc::not_found);
    CHECK(exit_of(old) == 31);
    REQUIRE(young.signal(SIGTERM));
    CHECK(exit_of(young) == 143);
    CHECK(old.exited()->value == 31);
}

TEST_CASE_METHOD(reaper_fixture, "pids reused as fast as can be never mix two exit statuses up", "[.][privileged]") {
    for (int round = 0; round < 50; ++round) {
        auto hold = reaper.hold();
        next_pid_is(300);
        auto first = launch(shell("exit 1"));
        next_pid_is(300);
        auto second = launch(shell("exit 2"));
        CHECK(exit_of(second) == 2);
        CHECK(exit_of(first) == 1);
    }
}
