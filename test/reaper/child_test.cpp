// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/child.hpp"

#include <poll.h>
#include <signal.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "reaper/reaper_fixture.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::reaper;
using namespace std::chrono_literals;
using test::reaper_fixture;

TEST_CASE_METHOD(reaper_fixture, "an empty handle says so", "[reaper]") {
    child none;
    CHECK_FALSE(none);
    auto process = launch(shell("exit 0"));
    CHECK(process);
    none = std::move(process);
    CHECK(none);
    CHECK_FALSE(process);
    CHECK(exit_of(none) == 0);
}

TEST_CASE_METHOD(reaper_fixture, "every waiter gets the exit status, before and after", "[reaper]") {
    auto process = launch(shell("read line; exit 7"));
    CHECK_FALSE(process.exited());
    std::vector<int> seen;
    for (int i = 0; i < 3; ++i) {
        process.async_wait([&](error_code ec, exit_status status) { seen.push_back(ec ? -1 : status.value); });
    }
    pump([&] { return seen.size() == 3; });
    CHECK(seen == std::vector<int>{7, 7, 7});
    REQUIRE(process.exited());
    CHECK(process.exited()->value == 7);
    CHECK(exit_of(process) == 7);
}

TEST_CASE_METHOD(reaper_fixture, "the exit time lies between start and now", "[reaper]") {
    auto before = wall_now();
    auto process = launch(shell("exit 0"));
    auto status = run(process.wait());
    CHECK(status.exited_at >= before);
    CHECK(status.exited_at <= wall_now());
}

TEST_CASE_METHOD(reaper_fixture, "a waiter is never called inside async_wait", "[reaper]") {
    auto process = launch(shell("exit 0"));
    REQUIRE(exit_of(process) == 0);
    bool called = false;
    process.async_wait([&](error_code, exit_status) { called = true; });
    CHECK_FALSE(called);
    poll();
    CHECK(called);
}

TEST_CASE_METHOD(reaper_fixture, "a waiter outlives the handle", "[reaper]") {
    std::optional<int> seen;
    launch(shell("exit 3")).async_wait([&](error_code, exit_status status) { seen = status.value; });
    pump([&] { return seen.has_value(); });
    CHECK(seen == 3);
}

TEST_CASE_METHOD(reaper_fixture, "cancelling one wait leaves the others", "[reaper]") {
    auto pipe = syscalls::pipe().value();
    auto options = shell("read line; exit 4");
    options.stdin_fd = pipe.read_end.get();
    auto process = launch(std::move(options));
    asio::cancellation_signal signal;
    std::optional<error_code> first;
    std::optional<int> second;
    auto type =
        GENERATE(asio::cancellation_type::terminal, asio::cancellation_type::partial, asio::cancellation_type::total);
    process.async_wait(asio::bind_cancellation_slot(signal.slot(), [&](error_code ec, exit_status) { first = ec; }));
    process.async_wait([&](error_code, exit_status status) { second = status.value; });
    signal.emit(type);
    signal.emit(type);
    CHECK_FALSE(first);  // posted, not inline
    poll();
    CHECK(first == error_code(asio::error::operation_aborted));
    CHECK_FALSE(second);
    pipe.write_end.reset();
    pump([&] { return second.has_value(); });
    CHECK(second == 4);
    signal.emit(type);  // too late: nothing happens
    poll();
}

TEST_CASE_METHOD(reaper_fixture, "a cancelled coroutine's wait throws operation_aborted", "[reaper]") {
    auto process = launch(shell("exec sleep 1000"));
    std::optional<error_code> thrown;
    auto waiting = [](child& waited, std::optional<error_code>& out) -> awaitable<void> {
        try {
            co_await waited.wait();
        } catch (const boost::system::system_error& failure) {
            out = failure.code();
        }
    };
    task_group tasks(ex(), log());
    tasks.spawn("waiter", waiting(process, thrown));
    poll();
    tasks.stop();
    run(tasks.join());
    CHECK(thrown == error_code(asio::error::operation_aborted));
    REQUIRE(process.signal(SIGKILL));
    CHECK(exit_of(process) == 137);
}

TEST_CASE("a wait with a limit ends at the limit", "[reaper]") {
    manual_time time;
    reaper_fixture fixture;
    auto process = fixture.launch(reaper_fixture::shell("exec sleep 1000"));
    std::optional<std::optional<exit_status>> outcome;
    task_group tasks(fixture.ex(), fixture.log());
    auto waiting = [](child& waited, decltype(outcome)& out) -> awaitable<void> {
        out = co_await waited.wait_for(10s);
    };
    tasks.spawn("waiter", waiting(process, outcome));
    fixture.poll();
    time.advance(9s);
    fixture.poll();
    CHECK_FALSE(outcome);
    time.advance(1s);
    fixture.poll();
    REQUIRE(outcome);
    CHECK_FALSE(*outcome);
    REQUIRE(process.signal(SIGKILL));
    auto ended = fixture.run(process.wait_for(10s));
    REQUIRE(ended);
    CHECK(ended->value == 137);
}

TEST_CASE_METHOD(reaper_fixture, "a signal reaches the process and, once it has ended, nobody", "[reaper]") {
    auto process = launch(shell("exec sleep 1000"));
    auto invalid = process.signal(1000);
    REQUIRE_FALSE(invalid);
    CHECK(invalid.error().kind() == errc::invalid_argument);
    REQUIRE(process.signal(0));
    REQUIRE(process.signal(SIGTERM));
    CHECK(exit_of(process) == 143);
    auto late = process.signal(SIGTERM);
    REQUIRE_FALSE(late);
    CHECK(late.error().kind() == errc::not_found);
}

TEST_CASE_METHOD(reaper_fixture, "a group signal reaches the helpers too", "[reaper]") {
    auto pipe = syscalls::pipe().value();
    auto options = shell("sleep 1000 & sleep 1000 & wait");
    options.stdout_fd = pipe.write_end.get();
    options.group = GENERATE(process_group::own, process_group::own_session);
    auto process = launch(std::move(options));
    pipe.write_end.reset();
    REQUIRE(process.signal_group(SIGKILL));
    CHECK(exit_of(process) == 137);
    // The helpers die on their own time: wait for the end of file that says that none holds the pipe any more.
    pollfd end_of_file{pipe.read_end.get(), POLLIN, 0};
    REQUIRE(syscalls::raw("poll", [&] { return ::poll(&end_of_file, 1, -1); }).has_value());
    char byte;
    CHECK(syscalls::raw("read", [&] { return ::read(pipe.read_end.get(), &byte, 1); }).value() == 0);
    auto late = process.signal_group(SIGKILL);
    REQUIRE_FALSE(late);
    CHECK(late.error().kind() == errc::not_found);
}

TEST_CASE_METHOD(reaper_fixture, "our own group is never signalled", "[reaper]") {
    auto process = launch(shell("exec sleep 1000"));
    auto refused = process.signal_group(SIGKILL);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::failed_precondition);
    REQUIRE(process.signal(SIGKILL));
    CHECK(exit_of(process) == 137);
}

TEST_CASE("handles and waits survive the context's end", "[reaper]") {
    child left;
    start_hold hold;
    bool destroyed = false;
    {
        reaper_fixture fixture;
        hold = fixture.reaper.hold();
        left = fixture.launch(reaper_fixture::shell("exec sleep 1000"));
        struct sentinel {
            explicit sentinel(bool& where) : flag(&where) {}
            sentinel(sentinel&& other) noexcept : flag(std::exchange(other.flag, nullptr)) {}
            ~sentinel() {
                if (flag) *flag = true;
            }
            bool* flag;
        };
        left.async_wait([mark = sentinel(destroyed)](error_code, exit_status) { (void)mark; });
        auto waiting = [](child& waited) -> awaitable<void> { co_await waited.wait(); };
        task_group tasks(fixture.ex(), fixture.log());
        tasks.spawn("waiter", waiting(left));
        fixture.poll();
        REQUIRE(left.signal(SIGKILL));
    }
    CHECK(destroyed);
    CHECK_FALSE(left.exited());
    hold.release();
}
