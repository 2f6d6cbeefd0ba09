// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/loop_meter.hpp"

#include <boost/asio/post.hpp>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "support/io_fixture.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace std::chrono_literals;

namespace {

awaitable<void> measure(loop_meter& meter, clock::duration& lag) { lag = co_await meter.measure_lag(); }

awaitable<void> run_job(blocking_service& pool, std::function<result<int>()> job, bool& is_done) {
    is_done = (co_await pool.run(blocking_lane::files, std::move(job))).has_value();
}

}  // namespace

TEST_CASE("the lag is what the handlers before it took, and is remembered", "[core]") {
    test::io_fixture io;
    manual_time time;
    auto& meter = asio::use_service<loop_meter>(io.ctx);
    task_group tasks(io.ex(), io.log());
    clock::duration lag{};
    asio::post(io.ctx, [&] { tasks.spawn("measure", measure(meter, lag)); });
    asio::post(io.ctx, [&] { time.advance(40ms); });
    io.poll();
    CHECK(lag == 40ms);
    CHECK(meter.longest_stall() == 40ms);
    time.advance(2 * recent_maximum::window);
    CHECK(meter.longest_stall() == 0ns);
}

TEST_CASE("a finished blocking job that waits for the loop is such a stall", "[core]") {
    test::io_fixture io;
    auto& meter = asio::use_service<loop_meter>(io.ctx);
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    task_group tasks(io.ex(), io.log());
    bool is_done = false;
    // The job ends only when the loop has gone to sleep: it must not be there to take the result at once.
    std::promise<void> asleep;
    auto job = [&asleep]() -> result<int> {
        asleep.get_future().wait();
        return 1;
    };
    tasks.spawn("job", run_job(pool, job, is_done));
    io.poll();
    asleep.set_value();
    // The loop stands still until the job is through.
    while (pool.counters().done == 0) std::this_thread::yield();
    auto since = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() < since + 5ms) std::this_thread::yield();
    io.pump([&] { return is_done; });
    CHECK(meter.longest_stall() >= 5ms);
}
