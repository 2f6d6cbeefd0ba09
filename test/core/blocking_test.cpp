#include "vminit/core/blocking.hpp"

#include <catch2/catch.hpp>
#include <future>
#include <stdexcept>
#include <thread>

#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;

namespace {

awaitable<result<int>> run_job(blocking_service& pool, std::function<result<int>()> job) {
    co_return co_await pool.run(std::move(job));
}

awaitable<void> count_results(blocking_service& pool, std::function<result<int>()> job, int& done, int& refused) {
    auto outcome = co_await pool.run(std::move(job));
    ++(outcome ? done : refused);
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

TEST_CASE("at most two jobs run at once, the queue is bounded and every accepted job completes", "[core]") {
    test::io_fixture io;
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    task_group tasks(io.ex(), io.log());
    std::promise<void> gate;
    std::shared_future<void> open(gate.get_future());
    auto held = [open]() -> result<int> {
        open.wait();
        return 0;
    };
    int done = 0;
    int refused = 0;
    constexpr int extra = 10;
    constexpr auto accepted = static_cast<int>(blocking_service::max_queued);
    for (int i = 0; i < accepted + extra; ++i) {
        tasks.spawn("job", count_results(pool, held, done, refused));
    }
    io.poll();
    CHECK(pool.threads() <= blocking_service::max_threads);
    // Up to two jobs have left the queue for a thread by now, each making room for one more.
    io.pump([&] { return refused >= extra - 2; });
    CHECK(done == 0);
    gate.set_value();
    io.pump([&] { return done + refused == accepted + extra; });
    CHECK(refused <= extra);
    CHECK(done >= accepted);
}

TEST_CASE("the pool counts what it did, does and refused", "[core]") {
    test::io_fixture io;
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    CHECK(pool.counters().threads == 0);
    std::promise<void> release;
    auto gate = release.get_future().share();
    auto blocked = [gate]() -> result<int> {
        gate.wait();
        return 0;
    };
    task_group group(io.ex(), io.log());
    int done = 0;
    int refused = 0;
    constexpr int offered = blocking_service::max_queued + blocking_service::max_threads + 1;
    for (int i = 0; i < offered; ++i) group.spawn("job", count_results(pool, blocked, done, refused));
    io.poll();
    // The threads take their jobs when they get to run.
    while (pool.counters().running < blocking_service::max_threads) std::this_thread::yield();
    auto busy = pool.counters();
    CHECK(busy.threads == blocking_service::max_threads);
    CHECK(busy.queued + busy.running + busy.refused == offered);
    release.set_value();
    io.pump([&] { return done + refused == offered; });
    // A thread counts a job as done only after the loop has been told.
    while (pool.counters().running > 0) std::this_thread::yield();
    auto after = pool.counters();
    CHECK(after.queued == 0);
    CHECK(after.refused == static_cast<std::uint64_t>(refused));
    CHECK(after.done + after.refused == offered);
}
