// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/power.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/timeout.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

void nothing() {}

struct power_fixture : test::io_fixture {
    power_fixture() : watch(options().watch), power(ctx, watch, options()), tasks(ex(), log()) { tasks.spawn("power", power.run()); }

    power_options options() {
        power_options chosen;
        chosen.final_action = [this] { ++ends; };
        chosen.watch.limit_action = nothing;  // it cannot be called off, and this process goes on
        return chosen;
    }

    void add(const std::string& name, clock::duration limit = 1s) {
        power.add_phase({name, limit, [this, name]() -> awaitable<void> {
                             order.push_back(name);
                             co_return;
                         }});
    }
    void add_endless(const std::string& name, clock::duration limit, phase_order when = phase_order::in_turn) {
        power.add_phase({name, limit,
                         [this, name]() -> awaitable<void> {
                             order.push_back(name);
                             co_await sleep_for(1h);
                             order.push_back(name + " ended");
                         },
                         when});
    }

    // The loop hears of a signal after its watch; this is for the watch.
    bool has_seen(unsigned signals) const { return watch.signals() == signals; }

    manual_time time;
    int ends = 0;
    std::vector<std::string> order;
    power_watch watch;
    power_control power;
    task_group tasks;
};

using names = std::vector<std::string>;

// The watch's actions get no argument.
std::atomic<int> limits_begun{0};
std::atomic<bool> is_limit_over{false};

}  // namespace

TEST_CASE_METHOD(power_fixture, "nothing happens until a signal comes, then everything in order", "[power]") {
    int number = GENERATE(SIGINT, SIGTERM, SIGQUIT);
    add("stop accepting");
    add("clean up");
    poll();
    CHECK(order.empty());
    CHECK_FALSE(power.is_going_down());
    ::kill(::getpid(), number);
    pump([&] { return ends > 0; });
    CHECK(order == names{"stop accepting", "clean up"});
    CHECK(ends == 1);
    CHECK(has_line("going down reason=\"signal " + std::to_string(number) + "\""));
}

TEST_CASE_METHOD(power_fixture, "a request does what a signal does, once", "[power]") {
    add("only");
    power.request("Shutdown");
    power.request("again");
    CHECK(power.is_going_down());
    pump([&] { return ends > 0; });
    CHECK(order == names{"only"});
    CHECK(has_line("going down reason=Shutdown"));
    CHECK_FALSE(has_line("again"));
}

TEST_CASE_METHOD(test::io_fixture, "a request that nobody takes up ends when the limit is over", "[power]") {
    power_options options;
    options.watch.limit = 1ms;
    options.watch.first_action = [] { ++limits_begun; };
    options.watch.limit_action = [] {
        is_limit_over.store(true);
        is_limit_over.notify_all();
    };
    power_control power(ctx, std::move(options));
    CHECK(limits_begun == 0);
    power.request("Task.Shutdown");
    power.request("again");
    CHECK(limits_begun == 1);
    is_limit_over.wait(false);
}

TEST_CASE_METHOD(power_fixture, "a phase that takes too long is left behind", "[power]") {
    add_endless("stuck", 100ms);
    add("last");
    power.request("test");
    poll();
    CHECK(order == names{"stuck"});
    time.advance(99ms);
    poll();
    CHECK(order == names{"stuck"});
    time.advance(1ms);
    pump([&] { return ends > 0; });
    CHECK(order == names{"stuck", "last"});
    CHECK(has_line("shutdown phase took too long phase=stuck"));
}

TEST_CASE_METHOD(power_fixture, "a second signal skips what is left", "[power]") {
    add_endless("stuck", 1h);
    add("never");
    ::kill(::getpid(), SIGINT);
    pump([&] { return order.size() == 1; });
    ::kill(::getpid(), SIGINT);
    pump([&] { return ends > 0; });
    CHECK(order == names{"stuck"});
    CHECK(ends == 1);
    CHECK(has_line("a second signal came"));
}

TEST_CASE_METHOD(power_fixture, "a second signal shortens the last phases, and does not skip them", "[power]") {
    bool is_running = GENERATE(false, true);  // when the second signal comes
    add_endless("sync", 1h, phase_order::last);
    add_endless("stuck", is_running ? 1ms : 1h);
    ::kill(::getpid(), SIGTERM);
    pump([&] { return order == names{"stuck"}; });
    if (is_running) {
        time.advance(1ms);
        pump([&] { return order.size() == 2; });
    }
    ::kill(::getpid(), SIGTERM);
    pump([&] { return order.size() == 2 && (!is_running || has_seen(2)); });
    poll();
    CHECK(order == names{"stuck", "sync"});
    time.advance(199ms);
    poll();
    CHECK(ends == 0);
    time.advance(1ms);
    pump([&] { return ends > 0; });
    CHECK(has_line("shutdown phase took too long phase=sync"));
}

TEST_CASE_METHOD(power_fixture, "one signal after a request shortens nothing", "[power]") {
    add_endless("stuck", 1s);
    add("next");
    power.request("Task.Shutdown");
    poll();
    ::kill(::getpid(), SIGINT);
    pump([&] { return has_seen(1); });
    poll();
    CHECK(order == names{"stuck"});
    time.advance(1s);
    pump([&] { return ends > 0; });
    CHECK(order == names{"stuck", "next"});
    CHECK_FALSE(has_line("second signal"));
}

TEST_CASE_METHOD(power_fixture, "what is beside runs while the others do, and the last phases wait for it", "[power]") {
    add("first");
    add_endless("agents", 2s, phase_order::beside);
    add_endless("slow", 1s);
    add("clean up");
    add_endless("sync", 1s, phase_order::last);
    power.request("test");
    pump([&] { return order.size() == 3; });
    CHECK(order == names{"agents", "first", "slow"});
    time.advance(1s);
    pump([&] { return order.size() == 4; });
    poll();
    CHECK(order.back() == "clean up");
    time.advance(999ms);
    poll();
    CHECK(order.back() == "clean up");
    time.advance(1ms);
    pump([&] { return order.size() == 5; });
    CHECK(order.back() == "sync");
    CHECK(has_line("took too long phase=agents"));
    time.advance(1s);
    pump([&] { return ends > 0; });
}

TEST_CASE_METHOD(power_fixture, "a phase that throws does not stop the others", "[power]") {
    power.add_phase({"broken", 1s, []() -> awaitable<void> {
                         throw std::runtime_error("bug");
                         co_return;
                     }});
    add("last");
    power.request("test");
    pump([&] { return ends > 0; });
    CHECK(order == names{"last"});
    CHECK(has_line("bug"));
}

TEST_CASE_METHOD(power_fixture, "a phase that does not heed cancellation is left behind too", "[power]") {
    auto gate = std::make_shared<std::atomic<bool>>(false);
    power.add_phase({"blocked", 100ms, [this, gate]() -> awaitable<void> {
                         auto job = [gate]() -> result<void> {
                             gate->wait(false);
                             return {};
                         };
                         order.push_back("blocked");
                         co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
                         auto& pool = asio::use_service<blocking_service>(ctx);
                         (void)co_await pool.run(blocking_lane::files, std::move(job));
                     }});
    add("last");
    power.request("test");
    pump([&] { return !order.empty(); });
    poll();
    time.advance(100ms);
    pump([&] { return ends > 0; });
    CHECK(order == names{"blocked", "last"});
    gate->store(true);
    gate->notify_all();
}
