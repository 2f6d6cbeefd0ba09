// SPDX-License-Identifier: Apache-2.0
#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

TEST_CASE("all containers are listed by id, with what became of them", "[process]") {
    process_fixture fixture;
    CHECK(fixture.processes.containers().empty());
    auto before = wall_now();
    REQUIRE(fixture.create("web", {"exit", "7"}));
    REQUIRE(fixture.create("db", {"sleep", "1000"}));
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.start("db"));
    REQUIRE(fixture.add_exec("db", "shell", {"exit", "0"}));
    auto all = fixture.processes.containers();
    REQUIRE(all.size() == 2);
    CHECK(all[0].init.id == "db");
    CHECK(all[0].is_created);
    CHECK(all[0].init.status == process_status::running);
    CHECK(all[0].init.pid == fixture.processes.init_pid("db"));
    CHECK(all[0].init.bundle == fixture.fake.bundle("db"));
    CHECK(all[0].execs == 1);
    CHECK(all[0].created_at >= before);
    CHECK(all[0].created_at <= wall_now());
    CHECK(all[1].init.id == "web");
    CHECK(all[1].init.status == process_status::stopped);
    CHECK(all[1].init.exit_status == 7);
    CHECK(all[1].init.exited_at);
    REQUIRE(fixture.remove("web"));
    CHECK(fixture.processes.containers().size() == 1);
    REQUIRE(fixture.kill("db", "", 9));
    REQUIRE(fixture.wait("db"));
    REQUIRE(fixture.remove("db"));
}
