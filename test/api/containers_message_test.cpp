// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "api/system_messages.hpp"

using namespace vminit;

TEST_CASE("Containers tells each by id, status and time", "[api]") {
    process::container_summary web;
    web.init.id = "web";
    web.init.bundle = "/run/bundles/web";
    web.init.pid = 42;
    web.init.status = process::process_status::stopped;
    web.init.exit_status = 137;
    web.init.exited_at = wall_time(std::chrono::seconds(20));
    web.is_created = true;
    web.created_at = wall_time(std::chrono::seconds(10));
    web.rootfs = "serial:root";
    web.execs = 2;
    process::container_summary making;
    making.init.id = "making";
    auto message = api::to_message(std::vector<process::container_summary>{making, web});
    REQUIRE(message.containers_size() == 2);
    CHECK(message.containers(0).id() == "making");
    CHECK(message.containers(0).status() == "creating");
    CHECK(message.containers(0).pid() == 0);
    CHECK_FALSE(message.containers(0).has_exited_at());
    const auto& told = message.containers(1);
    CHECK(told.status() == "stopped");
    CHECK(told.pid() == 42);
    CHECK(told.bundle() == "/run/bundles/web");
    CHECK(told.created_at().seconds() == 10);
    CHECK(told.exit_status() == 137);
    CHECK(told.exited_at().seconds() == 20);
    CHECK(told.execs() == 2);
    CHECK(told.rootfs() == "serial:root");
}
