// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/task_group.hpp"

#include <catch2/catch.hpp>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "support/io_fixture.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/timeout.hpp"

using namespace vminit;

namespace {

awaitable<void> wait_until(condition& changed, const bool& flag, bool& ended) {
    while (!flag) co_await changed.wait();
    ended = true;
}

awaitable<void> fail() {
    throw std::runtime_error("broken");
    co_return;
}

awaitable<void> join_and_mark(task_group& tasks, bool& joined) {
    co_await tasks.join();
    joined = true;
}

struct on_exit {
    bool& flag;
    ~on_exit() { flag = true; }
};

awaitable<void> sleep_long(bool& unwound) {
    on_exit mark{unwound};
    co_await sleep_for(std::chrono::hours(1));
}

}  // namespace

TEST_CASE("an exception ends only its task and is logged with the task's name", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    condition changed(io.ex());
    bool flag = false;
    bool ended = false;
    tasks.spawn("bad", fail());
    tasks.spawn("good", wait_until(changed, flag, ended));
    io.poll();
    CHECK(io.has_line("error task failed task=bad error=broken"));
    CHECK(tasks.size() == 1);
    flag = true;
    changed.notify_all();
    io.poll();
    CHECK(ended);
}

TEST_CASE("stop unwinds every task and join waits for the last", "[core]") {
    test::io_fixture io;
    manual_time time;
    task_group tasks(io.ex(), io.log());
    task_group watchers(io.ex(), io.log());
    bool first = false;
    bool second = false;
    bool joined = false;
    tasks.spawn("one", sleep_long(first));
    tasks.spawn("two", sleep_long(second));
    watchers.spawn("join", join_and_mark(tasks, joined));
    io.poll();
    CHECK_FALSE(joined);
    tasks.stop();
    io.poll();
    CHECK((first && second && joined));
    CHECK(tasks.is_stopping());
    CHECK(io.lines.empty());
}

TEST_CASE("a handle stops its task alone and is harmless afterwards", "[core]") {
    test::io_fixture io;
    manual_time time;
    task_group tasks(io.ex(), io.log());
    bool first = false;
    bool second = false;
    auto handle = tasks.spawn("one", sleep_long(first));
    tasks.spawn("two", sleep_long(second));
    io.poll();
    handle.stop();
    io.poll();
    CHECK(first);
    CHECK_FALSE(second);
    CHECK(tasks.size() == 1);
    handle.stop();
    task_handle().stop();
    tasks.stop();
    io.poll();
    CHECK(second);
}

TEST_CASE("a task stopped before it has begun ends at its first suspension", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    bool unwound = false;
    task_handle handle;
    asio::post(io.ctx, [&] { handle.stop(); });
    handle = tasks.spawn("early", sleep_long(unwound));
    io.poll();
    CHECK(tasks.size() == 0);
    CHECK(io.lines.empty());
}

TEST_CASE("a task may stop its own group and end without another suspension", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    auto stop_all = [](task_group& group) -> awaitable<void> {
        group.stop();
        co_return;
    };
    tasks.spawn("last", stop_all(tasks));
    io.poll();
    CHECK(tasks.size() == 0);
}

TEST_CASE("a task spawned by a handler has run to its first suspension when spawn returns", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    condition changed(io.ex());
    bool flag = true;
    bool ended = false;
    bool had_ended = false;
    asio::post(io.ctx, [&] {
        tasks.spawn("inner", wait_until(changed, flag, ended));
        had_ended = ended;
    });
    io.poll();
    CHECK(had_ended);
    CHECK(tasks.size() == 0);
}

TEST_CASE("a task spawned after stop ends at its first suspension", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    tasks.stop();
    bool unwound = false;
    tasks.spawn("late", sleep_long(unwound));
    io.poll();
    CHECK(unwound);
    CHECK(tasks.size() == 0);
}

TEST_CASE("a task stopped in the turn that spawned it ends at its first suspension", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    bool unwound = false;
    asio::post(io.ctx, [&] {
        tasks.spawn("early", sleep_long(unwound));
        tasks.stop();
    });
    io.poll();
    CHECK(unwound);
    CHECK(tasks.size() == 0);
}

TEST_CASE("a task that ends in the turn of a stop from outside is not touched any more", "[core]") {
    test::io_fixture io;
    task_group tasks(io.ex(), io.log());
    condition changed(io.ex());
    auto wait_once = [](condition& what) -> awaitable<void> { co_await what.wait(); };
    tasks.spawn("waiter", wait_once(changed));
    io.poll();
    changed.notify_all();
    tasks.stop();
    io.poll();
    CHECK(tasks.size() == 0);
}

TEST_CASE("a context that goes down with tasks in it leaves nothing behind", "[core]") {
    bool unwound = false;
    {
        test::io_fixture io;
        task_group tasks(io.ex(), io.log());
        tasks.spawn("sleeper", sleep_long(unwound));
        io.poll();
        CHECK_FALSE(unwound);
    }
    CHECK(unwound);
}
