// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "process/without_memory.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

TEST_CASE("an exec's Start that lacks memory anywhere leaves state, streams and waiters right", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    memory_sweep sweep(fixture);
    int failures = 0;
    while (sweep.next()) {
        CAPTURE(sweep.which());
        auto out = fixture.read(fixture.open_stream(1));
        REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}, {"", "stream://1", "", false}));
        fixture.poll();
        auto started = sweep.run(fixture.processes.start("web", "e"));
        auto status = fixture.status("web", "e");
        if (started) {
            CHECK(status == process_status::running);
            REQUIRE(fixture.kill("web", "e", SIGKILL));
            CHECK(fixture.wait("web", "e").value().status == 137);
        } else if (status == process_status::stopped) {
            ++failures;
            CHECK(fixture.wait("web", "e").value().status == 255);
        } else {
            // Nothing had begun.
            CHECK(status == process_status::created);
        }
        // What the runtime did start is not left running.
        fixture.pump([&] { return fixture.reaper.counters().known == 1; });
        REQUIRE(fixture.remove("web", "e"));
        // Claimed and closed, or not even claimed.
        if (fixture.streams.counters().unclaimed == 1) REQUIRE(fixture.streams.claim("1"));
        fixture.pump([&] { return out->has_ended; });
    }
    CHECK(failures > 50);
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
}

TEST_CASE("an init's Start that lacks memory anywhere can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    fixture.poll();
    memory_sweep sweep(fixture);
    int failures = 0;
    while (sweep.next()) {
        CAPTURE(sweep.which());
        auto started = sweep.run(fixture.processes.start("web", ""));
        auto status = fixture.status("web");
        if (!started && status == process_status::created) {
            ++failures;
            continue;
        }
        CHECK(status == process_status::running);
        REQUIRE(fixture.kill("web", "", SIGKILL));
        CHECK(fixture.wait("web").value().status == 137);
        REQUIRE(fixture.remove("web"));
        REQUIRE(fixture.create("web", {"sleep", "1000"}));
    }
    CHECK(failures > 20);
}
