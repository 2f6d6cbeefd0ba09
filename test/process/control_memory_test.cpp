// SPDX-License-Identifier: Apache-2.0
// Exec, Kill, Pause, Resume and Update when memory is short.
#include <signal.h>

#include "process/without_memory.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

process_options with_pause() {
    process_options options;
    options.config.dialect = host_dialect::nerdbox();
    return options;
}

exec_request request_of(process_fixture& fixture, const std::string& exec_id) {
    exec_request made;
    made.id = "web";
    made.exec_id = exec_id;
    made.spec_json = fixture.fake.process_json({"sleep", "1000"}, false);
    return made;
}

// What the runtime itself says.
std::string status_in_runtime(process_fixture& fixture) {
    return fixture.run(fixture.runtime.state(runc::runtime_ref("web", fixture.fake.bundle("web")))).value().status;
}

}  // namespace

TEST_CASE("an Exec that lacks memory anywhere is told by no event and can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    memory_sweep sweep(fixture);
    fixture.run_container("web", {"sleep", "1000"});
    const std::string id = "an-exec-with-a-name-that-is-no-short-string";
    while (sweep.next()) {
        CAPTURE(sweep.which());
        fixture.heard.clear();
        auto added = sweep.run(fixture.processes.exec(request_of(fixture, id)));
        fixture.poll();
        if (!added) {
            CHECK(count_heard(fixture, "/tasks/exec-added " + id) == 0);
            CHECK(fixture.processes.state("web", id).error().kind() == errc::not_found);
            REQUIRE(fixture.run(fixture.processes.exec(request_of(fixture, id))));
        }
        CHECK(fixture.status("web", id) == process_status::created);
        REQUIRE(fixture.remove("web", id));
    }
    CHECK(sweep.failures() > 5);
    CHECK(count_heard(fixture, "/tasks/exec-added " + id) == 1);
}

TEST_CASE("a Kill that lacks memory anywhere can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    memory_sweep sweep(fixture);
    while (sweep.next()) {
        CAPTURE(sweep.which());
        fixture.heard.clear();
        fixture.run_container("web", {"sleep", "1000"});
        auto calling = fixture.processes.kill("web", "", SIGKILL, runc::kill_scope::one);
        auto killed = sweep.run(std::move(calling));
        if (!killed) {
            // The signal may have been sent by then.
            auto again = fixture.kill("web", "", SIGKILL);
            CHECK((again || again.error().message() == "process already finished: not found"));
        }
        CHECK(fixture.wait("web").value().status == 137);
        fixture.poll();
        CHECK(count_heard(fixture, "/tasks/exit web 137") == 1);
        REQUIRE(fixture.remove("web"));
    }
    CHECK(sweep.failures() > 20);
}

TEST_CASE("an exec's Kill that lacks memory anywhere can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    memory_sweep sweep(fixture);
    fixture.run_container("web", {"sleep", "1000"});
    const std::string id = "an-exec-with-a-name-that-is-no-short-string";
    while (sweep.next()) {
        CAPTURE(sweep.which());
        REQUIRE(fixture.run(fixture.processes.exec(request_of(fixture, id))));
        REQUIRE(fixture.start("web", id));
        auto calling = fixture.processes.kill("web", id, SIGKILL, runc::kill_scope::one);
        if (!sweep.run(std::move(calling))) {
            CHECK(fixture.status("web", id) == process_status::running);
            REQUIRE(fixture.kill("web", id, SIGKILL));
        }
        CHECK(fixture.wait("web", id).value().status == 137);
        REQUIRE(fixture.remove("web", id));
    }
}

TEST_CASE("a Pause that lacks memory anywhere leaves the state that the container has", "[process]") {
    process_fixture fixture(with_pause());
    memory_sweep sweep(fixture);
    fixture.run_container("web", {"sleep", "1000"});
    while (sweep.next()) {
        CAPTURE(sweep.which());
        fixture.heard.clear();
        auto paused = sweep.run(fixture.processes.pause("web"));
        if (!paused) {
            CHECK(fixture.status("web") == process_status::running);
            CHECK(status_in_runtime(fixture) == "running");
            REQUIRE(fixture.run(fixture.processes.pause("web")));
        }
        CHECK(fixture.status("web") == process_status::paused);
        REQUIRE(fixture.run(fixture.processes.resume("web")));
    }
    CHECK(sweep.failures() > 20);
    CHECK(count_heard(fixture, "/tasks/paused") == 1);
}

TEST_CASE("a Resume that lacks memory anywhere leaves the state that the container has", "[process]") {
    process_fixture fixture(with_pause());
    memory_sweep sweep(fixture);
    fixture.run_container("web", {"sleep", "1000"});
    while (sweep.next()) {
        CAPTURE(sweep.which());
        fixture.heard.clear();
        REQUIRE(fixture.run(fixture.processes.pause("web")));
        auto resumed = sweep.run(fixture.processes.resume("web"));
        if (!resumed) {
            CHECK(fixture.status("web") == process_status::paused);
            CHECK(status_in_runtime(fixture) == "paused");
            REQUIRE(fixture.run(fixture.processes.resume("web")));
        }
        CHECK(fixture.status("web") == process_status::running);
    }
    CHECK(sweep.failures() > 20);
    CHECK(count_heard(fixture, "/tasks/resumed") == 1);
}

TEST_CASE("a runtime that fails after it has paused or resumed a container is believed by what it did", "[process]") {
    process_fixture fixture(with_pause());
    fixture.run_container("web", {"sleep", "1000"});
    fixture.fake.set_fault("pause", R"({"fault": "late-error"})");
    REQUIRE(fixture.run(fixture.processes.pause("web")));
    CHECK(fixture.status("web") == process_status::paused);
    fixture.fake.set_fault("resume", R"({"fault": "late-error"})");
    REQUIRE(fixture.run(fixture.processes.resume("web")));
    CHECK(fixture.status("web") == process_status::running);
    fixture.fake.set_fault("pause", R"({"fault": "error"})");
    auto refused = fixture.run(fixture.processes.pause("web"));
    CHECK(refused.error().message() == "OCI runtime pause failed: injected fault");
    CHECK(fixture.status("web") == process_status::running);
    fixture.poll();
    CHECK(count_heard(fixture, "/tasks/paused") == 1);
    CHECK(count_heard(fixture, "/tasks/resumed") == 1);
}

TEST_CASE("an Update that lacks memory anywhere can be repeated, or has happened", "[process]") {
    process_fixture fixture;
    memory_sweep sweep(fixture);
    fixture.run_container("web", {"sleep", "1000"});
    const std::string resources = R"({"memory":{"limit":1048576}})";
    while (sweep.next()) {
        CAPTURE(sweep.which());
        (void)sweep.run(fixture.processes.update("web", resources));
        REQUIRE(fixture.run(fixture.processes.update("web", resources)));
        CHECK(fixture.status("web") == process_status::running);
    }
    CHECK(sweep.failures() > 20);
}
