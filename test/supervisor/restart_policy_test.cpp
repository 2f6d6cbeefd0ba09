// SPDX-License-Identifier: Apache-2.0
#include "vminit/supervisor/restart_policy.hpp"

#include <catch2/catch.hpp>
#include <optional>
#include <vector>

using namespace vminit;
using namespace vminit::supervisor;
using namespace std::chrono_literals;

namespace {

constexpr clock::time_point boot{1h};

// A service that ends `run` after each of its starts, until the policy no longer starts it.
struct crash_loop {
    restart_policy& policy;
    clock::time_point now = boot;

    // The delays in front of the restarts, `most` at most.
    std::vector<clock::duration> restarts(clock::duration run, std::size_t most = 1000) {
        std::vector<clock::duration> delays;
        while (delays.size() < most) {
            now += run;
            auto decision = policy.next(run_end::crashed, now);
            auto* restart = std::get_if<restart_in>(&decision);
            if (restart == nullptr) break;
            delays.push_back(restart->delay);
            now += restart->delay;
        }
        return delays;
    }
};

const std::vector<clock::duration> all_delays{1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s, 30s, 30s};

}  // namespace

TEST_CASE("restarts back off 1, 2, 4, 8, 16 and then 30 seconds, and the eleventh is not made", "[supervisor]") {
    restart_policy policy;
    crash_loop loop{policy};
    CHECK(loop.restarts(0s) == all_delays);
    CHECK(loop.now == boot + 181s);
    CHECK(policy.restarts_in_window(loop.now) == 10);
    CHECK(policy.next(run_end::crashed, loop.now) == restart_decision(give_up{}));
}

TEST_CASE("ten restarts are allowed as long as the first of them is within the five minutes", "[supervisor]") {
    restart_policy policy;
    crash_loop loop{policy};
    REQUIRE(loop.restarts(0s, 10).size() == 10);
    // The first restart was made at boot + 1 s.
    CHECK(policy.restarts_in_window(boot + 301s - 1ns) == 10);
    CHECK(policy.restarts_in_window(boot + 301s) == 9);
    SECTION("a crash just before it leaves the window ends it") {
        CHECK(policy.next(run_end::crashed, boot + 301s - 1ns) == restart_decision(give_up{}));
    }
    SECTION("a crash as it leaves is restarted, with the delay reached so far") {
        CHECK(policy.next(run_end::crashed, boot + 301s) == restart_decision(restart_in{30s}));
        CHECK(policy.restarts_in_window(boot + 301s) == 10);
    }
}

TEST_CASE("crashes too rare for ten in five minutes are restarted for ever", "[supervisor]") {
    restart_policy policy;
    crash_loop loop{policy};
    auto delays = loop.restarts(60s, 500);
    REQUIRE(delays.size() == 500);
    CHECK(delays[5] == 30s);
    CHECK(delays.back() == 30s);
}

TEST_CASE("five minutes of stable running reset delay and count", "[supervisor]") {
    restart_policy policy;
    crash_loop loop{policy};
    REQUIRE(loop.restarts(0s, 9).back() == 30s);
    SECTION("a nanosecond less does not") {
        CHECK(policy.next(run_end::crashed, loop.now + 5min - 1ns) == restart_decision(restart_in{30s}));
        CHECK(policy.restarts_in_window(loop.now + 5min - 1ns) == 2);
    }
    SECTION("then the whole table is run through again") {
        CHECK(policy.next(run_end::crashed, loop.now + 5min) == restart_decision(restart_in{1s}));
        CHECK(policy.restarts_in_window(loop.now + 5min) == 1);
        policy.reset();
        loop.now += 5min;
        CHECK(loop.restarts(0s) == all_delays);
    }
}

TEST_CASE("the mode says which ends are followed by a restart", "[supervisor]") {
    struct row {
        restart_mode mode;
        run_end end;
        restart_decision decision;
    };
    auto [mode, end, decision] = GENERATE(row{restart_mode::always, run_end::succeeded, restart_in{1s}},
                                          row{restart_mode::always, run_end::crashed, restart_in{1s}},
                                          row{restart_mode::always, run_end::not_started, restart_in{1s}},
                                          row{restart_mode::on_failure, run_end::succeeded, done{}},
                                          row{restart_mode::on_failure, run_end::crashed, restart_in{1s}},
                                          row{restart_mode::on_failure, run_end::not_started, restart_in{1s}},
                                          row{restart_mode::never, run_end::succeeded, done{}},
                                          row{restart_mode::never, run_end::crashed, done{}},
                                          row{restart_mode::never, run_end::not_started, done{}});
    restart_policy policy(mode);
    CHECK(policy.next(end, boot) == decision);
}

TEST_CASE("failed starts use up the restarts as crashes do", "[supervisor]") {
    restart_policy policy;
    auto now = boot;
    for (auto delay : all_delays) {
        CHECK(policy.next(run_end::not_started, now) == restart_decision(restart_in{delay}));
        now += delay;
    }
    CHECK(policy.next(run_end::not_started, now) == restart_decision(give_up{}));
}

TEST_CASE("a reset policy is as new, also after it gave up", "[supervisor]") {
    restart_policy policy;
    crash_loop loop{policy};
    loop.restarts(0s);
    policy.reset();
    CHECK(policy.restarts_in_window(loop.now) == 0);
    CHECK(loop.restarts(0s) == all_delays);
}

TEST_CASE("a policy of its own numbers keeps to them", "[supervisor]") {
    restart_limits limits;
    limits.max_restarts = 3;
    limits.window = 1min;
    limits.first_delay = 200ms;
    limits.max_delay = 300ms;
    restart_policy policy(restart_mode::always, limits);
    crash_loop loop{policy};
    std::vector<clock::duration> delays{200ms, 300ms, 300ms};
    CHECK(loop.restarts(0s) == delays);
    CHECK(policy.next(run_end::crashed, loop.now + 1min) == restart_decision(restart_in{200ms}));

    SECTION("no restarts at all") {
        limits.max_restarts = 0;
        restart_policy none(restart_mode::always, limits);
        CHECK(none.next(run_end::crashed, boot) == restart_decision(give_up{}));
    }
    SECTION("a first delay above the maximum is the maximum") {
        limits.first_delay = 1h;
        restart_policy capped(restart_mode::always, limits);
        CHECK(capped.next(run_end::crashed, boot) == restart_decision(restart_in{300ms}));
    }
}
