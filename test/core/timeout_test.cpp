// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/timeout.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "support/io_fixture.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace std::chrono_literals;

namespace {

awaitable<result<int>> never(condition& changed, bool& ended) {
    co_await changed.wait();
    ended = true;
    co_return error(errc::cancelled, "never");
}

awaitable<result<int>> at_once() { co_return 5; }

awaitable<result<int>> throwing(condition& changed) {
    co_await changed.wait();
    throw std::runtime_error("a bug");
}

awaitable<void> store(awaitable<result<int>> task, std::optional<result<int>>& outcome) {
    outcome.emplace(co_await std::move(task));
}

}  // namespace

TEST_CASE("an operation over its limit is cancelled and reported with what it was", "[core]") {
    test::io_fixture io;
    manual_time time;
    task_group tasks(io.ex(), io.log());
    condition changed(io.ex());
    bool ended = false;
    std::optional<result<int>> outcome;
    tasks.spawn("t", store(with_timeout(never(changed, ended), 30s, "runtime create"), outcome));
    io.poll();
    time.advance(29s);
    io.poll();
    CHECK_FALSE(outcome);
    time.advance(1s);
    io.poll();
    REQUIRE(outcome);
    CHECK(outcome->error().message() == "runtime create: context deadline exceeded");
    CHECK(ended);
}

TEST_CASE("an operation within its limit returns its value and leaves no timer", "[core]") {
    test::io_fixture io;
    manual_time time;
    auto outcome = io.run(with_timeout(at_once(), 1h, "quick"));
    CHECK(outcome.value() == 5);
    io.ctx.restart();
    CHECK(io.ctx.poll() == 0);
    CHECK(io.ctx.stopped());
}

TEST_CASE("an exception of an operation is thrown at once, not at the limit", "[core]") {
    test::io_fixture io;
    manual_time time;
    task_group tasks(io.ex(), io.log());
    condition changed(io.ex());
    std::optional<result<int>> outcome;
    tasks.spawn("t", store(with_timeout(throwing(changed), 1h, "the operation"), outcome));
    io.poll();
    CHECK(tasks.size() == 1);
    changed.notify_all();
    io.poll();
    CHECK(tasks.size() == 0);
    CHECK(io.has_line("a bug"));
    CHECK(io.ctx.stopped());
}

TEST_CASE("an exception after the limit does not hide that the limit has passed", "[core]") {
    test::io_fixture io;
    manual_time time;
    task_group tasks(io.ex(), io.log());
    condition changed(io.ex());
    std::optional<result<int>> outcome;
    tasks.spawn("t", store(with_timeout(throwing(changed), 1s, "the operation"), outcome));
    io.poll();
    time.advance(1s);
    io.poll();
    REQUIRE(outcome);
    CHECK(outcome->error().kind() == errc::deadline_exceeded);
}

TEST_CASE("an operation that is cancelled from outside says so, not that the limit has passed", "[core]") {
    test::io_fixture io;
    manual_time time;
    task_group tasks(io.ex(), io.log());
    condition changed(io.ex());
    bool ended = false;
    std::optional<result<int>> outcome;
    tasks.spawn("t", store(with_timeout(never(changed, ended), 1s, "the operation"), outcome));
    io.poll();
    tasks.stop();
    io.poll();
    CHECK(ended);
    REQUIRE(outcome);
    CHECK(outcome->error().kind() == errc::cancelled);
    CHECK(io.ctx.stopped());
}
