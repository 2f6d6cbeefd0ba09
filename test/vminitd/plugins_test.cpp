// SPDX-License-Identifier: Apache-2.0
#include "plugins.hpp"

#include <catch2/catch.hpp>

using namespace vminit::vminitd;

TEST_CASE("nothing disabled is everything offered", "[vminitd]") {
    auto choice = choose_plugins({});
    CHECK(choice.problems.empty());
    CHECK((choice.bundle && choice.system && choice.task && choice.vmevents && choice.exchange && choice.streaming));
}

TEST_CASE("a plugin is left out by its id", "[vminitd]") {
    auto choice = choose_plugins({"io.containerd.ttrpc.v1.bundle", "io.containerd.ttrpc.v1.system"});
    CHECK(choice.problems.empty());
    CHECK_FALSE(choice.bundle);
    CHECK_FALSE(choice.system);
    CHECK(choice.task);
}

TEST_CASE("what another plugin needs goes only together with it", "[vminitd]") {
    auto alone = choose_plugins({"spinbox.streaming.v1.vsock", "io.containerd.event.v1.exchange"});
    CHECK(alone.streaming);
    CHECK(alone.exchange);
    REQUIRE(alone.problems.size() == 2);
    CHECK(alone.problems[0].name == "io.containerd.event.v1.exchange");
    CHECK(alone.problems[0].reason == "not disabled: task needs it");
    CHECK(alone.problems[1].name == "spinbox.streaming.v1.vsock");

    auto together = choose_plugins({"spinbox.streaming.v1.vsock", "io.containerd.event.v1.exchange",
                                    "io.containerd.ttrpc.v1.task", "io.containerd.ttrpc.v1.vmevents"});
    CHECK(together.problems.empty());
    CHECK_FALSE(together.streaming);
    CHECK_FALSE(together.exchange);
    CHECK(choose_plugins({"io.containerd.event.v1.exchange", "io.containerd.ttrpc.v1.task"}).exchange);
}

TEST_CASE("an unknown plugin is told and ignored", "[vminitd]") {
    auto choice = choose_plugins({"io.containerd.snapshotter.v1.native"});
    REQUIRE(choice.problems.size() == 1);
    CHECK(choice.problems[0].reason == "unknown, ignored");
}
