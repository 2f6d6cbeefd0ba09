// SPDX-License-Identifier: Apache-2.0
// Create and Delete when memory is short.
#include <signal.h>

#include "process/without_memory.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

TEST_CASE("a Create that lacks memory anywhere leaves nothing and frees its id, or has happened", "[process]") {
    process_fixture fixture;
    memory_sweep sweep(fixture);
    auto request = fixture.request("web", {"sleep", "1000"});
    while (sweep.next()) {
        CAPTURE(sweep.which());
        fixture.heard.clear();
        auto created = sweep.run(fixture.processes.create(request));
        if (created) {
            CHECK(fixture.status("web") == process_status::created);
            REQUIRE(fixture.remove("web"));
        } else {
            CHECK(fixture.processes.state("web", "").error().kind() == errc::not_found);
            CHECK(count_heard(fixture, "/tasks/create web") == 0);
            CHECK(count_heard(fixture, "/tasks/exit web 137") == 0);
        }
        fixture.pump([&] { return fixture.reaper.counters().known == 0; });
    }
    CHECK(sweep.failures() > 50);
}

TEST_CASE("a Delete that lacks memory anywhere can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    memory_sweep sweep(fixture);
    while (sweep.next()) {
        CAPTURE(sweep.which());
        REQUIRE(fixture.create("web", {"sleep", "1000"}));
        fixture.poll();
        REQUIRE(fixture.add_exec("web", "e", {"exit", "3"}));
        auto removed = sweep.run(fixture.processes.remove("web", "", std::nullopt));
        if (!removed) {
            auto again = fixture.remove("web");
            CHECK((again || again.error().kind() == errc::not_found));
        }
        CHECK(fixture.processes.state("web", "").error().kind() == errc::not_found);
    }
    CHECK(sweep.failures() > 20);
}

TEST_CASE("an exec's Delete that lacks memory anywhere can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    memory_sweep sweep(fixture);
    fixture.run_container("web", {"sleep", "1000"});
    while (sweep.next()) {
        CAPTURE(sweep.which());
        REQUIRE(fixture.add_exec("web", "e", {"exit", "3"}));
        REQUIRE(fixture.start("web", "e"));
        REQUIRE(fixture.wait("web", "e"));
        auto removed = sweep.run(fixture.processes.remove("web", "e", std::nullopt));
        if (!removed) {
            auto again = fixture.remove("web", "e");
            CHECK((again || again.error().kind() == errc::not_found));
        }
        CHECK(fixture.processes.state("web", "e").error().kind() == errc::not_found);
    }
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
}
