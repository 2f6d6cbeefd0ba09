// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/awaited_steps.hpp"

#include <catch2/catch.hpp>
#include <chrono>

#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;

struct steps_fixture : test::io_fixture {
    steps_fixture() : steps(ex()), tasks(ex(), log()) {}

    void wait(clock::duration limit) { tasks.spawn("waiter", steps.wait(limit)); }
    bool is_waiting() {
        poll();
        return tasks.size() != 0;
    }

    manual_time time;
    awaited_steps steps;
    task_group tasks;
};

}  // namespace

TEST_CASE_METHOD(steps_fixture, "whoever waits goes on when the last step has ended", "[boot]") {
    steps.expect("extras");
    steps.expect("network");
    wait(10s);
    wait(10s);
    CHECK(is_waiting());
    steps.ended("extras");
    steps.ended("something else");
    CHECK(is_waiting());
    CHECK(steps.pending() == names{"network"});
    steps.ended("network");
    CHECK_FALSE(is_waiting());
    CHECK(steps.pending().empty());
}

TEST_CASE_METHOD(steps_fixture, "nobody waits for nothing, nor longer than the limit", "[boot]") {
    wait(10s);
    CHECK_FALSE(is_waiting());
    steps.expect("extras");
    wait(0s);
    wait(-1s);
    CHECK_FALSE(is_waiting());
    wait(10s);
    poll();
    time.advance(10s - 1ns);
    CHECK(is_waiting());
    time.advance(1ns);
    CHECK_FALSE(is_waiting());
    CHECK(steps.pending() == names{"extras"});
}

TEST_CASE_METHOD(steps_fixture, "one who goes away leaves the others waiting", "[boot]") {
    steps.expect("extras");
    auto first = tasks.spawn("first", steps.wait(10s));
    wait(10s);
    poll();
    first.stop();
    poll();
    CHECK(tasks.size() == 1);
    steps.ended("extras");
    CHECK_FALSE(is_waiting());
}
