// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/blocking.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <stdexcept>
#include <thread>

#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/timeout.hpp"

using namespace vminit;
using namespace std::chrono_literals;

namespace {

using int_job = std::function<result<int>()>;

constexpr auto lane = blocking_lane::kernel_writes;

awaitable<result<int>> run_job(blocking_service& pool, int_job job) {
    co_return co_await pool.run(lane, std::move(job));
}

awaitable<void> count_results(blocking_service& pool, blocking_lane in, int_job job, int& done, int& refused) {
    auto outcome = co_await pool.run(in, std::move(job), "counted");
    ++(outcome ? done : refused);
}

// A job that hangs until the gate is destroyed, as a system call on a dead disk does.
class gate {
public:
    ~gate() { open(); }
    void open() {
        if (!std::exchange(is_open_, true)) promise_.set_value();
    }
    int_job job(int value = 0) const {
        return [passed = passed_, value]() -> result<int> {
            passed.wait();
            return value;
        };
    }

private:
    std::promise<void> promise_;
    std::shared_future<void> passed_{promise_.get_future()};
    bool is_open_ = false;
};

struct pool_fixture : test::io_fixture {
    void spawn(blocking_lane in, int_job job) {
        tasks.spawn("job", count_results(pool, in, std::move(job), done, failed));
    }
    void hang(blocking_lane in, std::size_t count = 1) {
        for (std::size_t i = 0; i < count; ++i) spawn(in, hanging.job());
        poll();
        await_running(in, count);
    }
    // The threads take their jobs when they get to run.
    void await_running(blocking_lane in, std::size_t count) {
        while (pool.counters(in).running != count) std::this_thread::yield();
    }

    blocking_service& pool = asio::use_service<blocking_service>(ctx);
    int done = 0;
    int failed = 0;
    task_group tasks{ex(), log()};
    gate hanging;
};

// What a job may return: it says where it was destroyed.
struct owned {
    explicit owned(std::promise<std::thread::id>& destroyed) : told(&destroyed) {}
    owned(owned&& other) noexcept : told(std::exchange(other.told, nullptr)) {}
    owned& operator=(owned&&) = delete;
    ~owned() {
        if (told != nullptr) told->set_value(std::this_thread::get_id());
    }
    std::promise<std::thread::id>* told;
};

awaitable<void> run_owned(blocking_service& pool, std::function<result<owned>()> job, error& outcome) {
    auto end = co_await pool.run(lane, std::move(job));
    if (!end) outcome = end.error();
}

}  // namespace

TEST_CASE("a blocking job runs on another thread and its result comes back", "[core]") {
    test::io_fixture io;
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    auto loop_thread = std::this_thread::get_id();
    auto outcome = io.run(run_job(pool, [loop_thread]() -> result<int> {
        if (std::this_thread::get_id() == loop_thread) return error(errc::internal, "on the loop");
        return 3;
    }));
    CHECK(outcome.value() == 3);
    auto failed = io.run(run_job(pool, []() -> result<int> { return error(errc::not_found, "disk"); }));
    CHECK(failed.error().message() == "disk: not found");
}

TEST_CASE("a job that throws is an internal error, not the end of the process", "[core]") {
    test::io_fixture io;
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    auto outcome = io.run(run_job(pool, []() -> result<int> { throw std::runtime_error("bug"); }));
    CHECK(outcome.error().kind() == errc::internal);
}

TEST_CASE_METHOD(pool_fixture, "a lane's threads and queue are bounded and every accepted job completes", "[core]") {
    constexpr int extra = 10;
    constexpr auto threads = static_cast<int>(blocking_service::max_active(lane));
    constexpr auto offered = static_cast<int>(blocking_service::max_queued) + threads + extra;
    hang(lane, threads);
    for (int i = threads; i < offered; ++i) spawn(lane, hanging.job());
    pump([&] { return failed == extra; });
    auto busy = pool.counters(lane);
    CHECK(busy.threads == static_cast<std::size_t>(threads));
    CHECK(busy.queued == blocking_service::max_queued);
    CHECK(busy.running == static_cast<std::size_t>(threads));
    CHECK(busy.refused == extra);
    CHECK(done == 0);
    hanging.open();
    pump([&] { return done + failed == offered; });
    CHECK(failed == extra);
    // A thread counts a job as done only after the loop has been told.
    await_running(lane, 0);
    CHECK(pool.counters(lane).done == static_cast<std::uint64_t>(offered - extra));
    CHECK(pool.counters().done == pool.counters(lane).done);
}

TEST_CASE_METHOD(pool_fixture, "a lane whose jobs hang holds up no other", "[core]") {
    auto hung = GENERATE(blocking_lane::kernel_writes, blocking_lane::mounts, blocking_lane::hotplug,
                         blocking_lane::files, blocking_lane::rescue);
    hang(hung, blocking_service::max_active(hung));
    for (std::size_t i = 0; i < blocking_lane_count; ++i) {
        auto other = static_cast<blocking_lane>(i);
        if (other == hung) continue;
        int before = done;
        spawn(other, []() -> result<int> { return 1; });
        pump([&] { return done == before + 1; });
    }
    CHECK(failed == 0);
}

TEST_CASE_METHOD(pool_fixture, "a rescue has a thread at once or is refused, it never waits", "[core]") {
    hang(blocking_lane::rescue, blocking_service::max_rescues);
    CHECK(pool.counters(blocking_lane::rescue).queued == 0);
    spawn(blocking_lane::rescue, hanging.job());
    pump([&] { return failed == 1; });
    hanging.open();
    pump([&] { return done == static_cast<int>(blocking_service::max_rescues); });
}

TEST_CASE_METHOD(pool_fixture, "a time-out around a job that hangs really returns", "[core]") {
    manual_time time;
    auto limited = [](blocking_service& where, int_job job, std::optional<result<int>>& into) -> awaitable<void> {
        into.emplace(co_await with_timeout(where.run(lane, std::move(job), "hung"), 1s, "the job"));
    };
    std::optional<result<int>> outcome;
    tasks.spawn("limited", limited(pool, hanging.job(), outcome));
    poll();
    // One that no thread has begun would never be run.
    await_running(lane, 1);
    time.advance(1s);
    poll();
    REQUIRE(outcome);
    CHECK(outcome->error().kind() == errc::deadline_exceeded);
    CHECK(pool.counters(lane).abandoned == 1);
    auto jobs = pool.older_than(0s);
    REQUIRE(jobs.size() == 1);
    CHECK(jobs[0].what == "hung");
    CHECK(jobs[0].lane == lane);
    CHECK(pool.older_than(1h).empty());
    hanging.open();
    await_running(lane, 0);
    CHECK(pool.counters(lane).abandoned == 0);
}

TEST_CASE_METHOD(pool_fixture, "jobs that were given up take no thread from those that are waited for", "[core]") {
    for (std::size_t round = 1; round <= blocking_service::max_abandoned; ++round) {
        task_group given_up(ex(), log());
        given_up.spawn("job", count_results(pool, lane, hanging.job(), done, failed));
        poll();
        await_running(lane, round);
        given_up.stop();
        pump([&] { return failed == static_cast<int>(round); });
        run(given_up.join());
    }
    CHECK(pool.counters(lane).abandoned == blocking_service::max_abandoned);
    spawn(lane, []() -> result<int> { return 1; });
    pump([&] { return done == 1; });
    CHECK(pool.counters(lane).threads <= blocking_service::max_abandoned + blocking_service::max_active(lane));
}

TEST_CASE_METHOD(pool_fixture, "giving up a job makes room for one that waits", "[core]") {
    task_group given_up(ex(), log());
    for (std::size_t i = 0; i < blocking_service::max_active(lane); ++i)
        given_up.spawn("job", count_results(pool, lane, hanging.job(), done, failed));
    poll();
    await_running(lane, blocking_service::max_active(lane));
    spawn(lane, []() -> result<int> { return 1; });
    poll();
    CHECK(pool.counters(lane).queued == 1);
    given_up.stop();
    pump([&] { return done == 1; });
    run(given_up.join());
}

TEST_CASE_METHOD(pool_fixture, "a job that waits and is given up is never run", "[core]") {
    hang(lane, blocking_service::max_active(lane));
    bool was_run = false;
    task_group given_up(ex(), log());
    auto job = [&was_run]() -> result<int> {
        was_run = true;
        return 1;
    };
    given_up.spawn("job", count_results(pool, lane, job, done, failed));
    poll();
    given_up.stop();
    pump([&] { return failed == 1; });
    run(given_up.join());
    CHECK(pool.counters(lane).queued == 0);
    hanging.open();
    pump([&] { return done == static_cast<int>(blocking_service::max_active(lane)); });
    CHECK_FALSE(was_run);
}

TEST_CASE_METHOD(pool_fixture, "what a job that was given up returns is destroyed on its own thread", "[core]") {
    std::promise<std::thread::id> destroyed;
    std::promise<std::thread::id> performed;
    auto job = [&, wait = hanging.job()]() -> result<owned> {
        (void)wait();
        performed.set_value(std::this_thread::get_id());
        return owned(destroyed);
    };
    error outcome;
    task_group given_up(ex(), log());
    given_up.spawn("job", run_owned(pool, job, outcome));
    poll();
    await_running(lane, 1);
    given_up.stop();
    run(given_up.join());
    CHECK(outcome.kind() == errc::cancelled);
    hanging.open();
    CHECK(destroyed.get_future().get() == performed.get_future().get());
}
