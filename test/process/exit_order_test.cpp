// SPDX-License-Identifier: Apache-2.0
#include "process/exit_order.hpp"

#include <catch2/catch.hpp>

using namespace vminit::process;

TEST_CASE("init's exit is told after the exits of its execs", "[process]") {
    exit_order order;
    order.exec_starting();
    order.exec_starting();
    CHECK_FALSE(order.may_tell_init_exit());
    order.init_died();
    CHECK(order.may_kill_rest());
    CHECK_FALSE(order.may_tell_init_exit());
    order.exec_ended();
    CHECK_FALSE(order.may_tell_init_exit());
    order.exec_ended();
    CHECK(order.may_tell_init_exit());
}

TEST_CASE("no exec starts once init is dead", "[process]") {
    exit_order order;
    CHECK(order.may_start_exec());
    order.init_died();
    CHECK_FALSE(order.may_start_exec());
}

TEST_CASE("an exit during Start waits for its end", "[process]") {
    exit_order order;
    order.init_starting();
    order.init_died();
    CHECK_FALSE(order.may_kill_rest());
    CHECK_FALSE(order.may_tell_init_exit());
    order.init_start_ended();
    CHECK(order.may_kill_rest());
    CHECK(order.may_tell_init_exit());
}

TEST_CASE("a surplus end does not make the count negative", "[process]") {
    exit_order order;
    order.exec_ended();
    order.exec_starting();
    CHECK(order.running_execs() == 1);
    order.init_died();
    CHECK_FALSE(order.may_tell_init_exit());
    order.exec_ended();
    CHECK(order.may_tell_init_exit());
}
