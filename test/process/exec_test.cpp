// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <array>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

std::ptrdiff_t position(const lines& heard, const std::string& line) {
    return std::find(heard.begin(), heard.end(), line) - heard.begin();
}

using wait_outcome = std::optional<result<process_exit>>;

awaitable<void> note_wait(process_fixture& fixture, std::string exec_id, wait_outcome& into) {
    auto exit = co_await fixture.processes.wait("web", std::move(exec_id));
    into.emplace(std::move(exit));
}

}  // namespace

TEST_CASE("an exec goes through its life and its id is free again", "[process]") {
    process_fixture fixture(process_options{GENERATE(runtime_dialect::crun, runtime_dialect::runc), {}});
    fixture.run_container("web", {"sleep", "1000"});
    auto before = open_descriptors();
    for (int round = 0; round < 2; ++round) {
        REQUIRE(fixture.add_exec("web", "e1", {"exit", "4"}));
        CHECK(fixture.status("web", "e1") == process_status::created);
        auto snapshot = fixture.processes.state("web", "e1").value();
        CHECK(snapshot.id == "e1");
        CHECK(snapshot.pid == 0);
        CHECK(snapshot.bundle == fixture.fake.bundle("web"));
        auto pid = fixture.start("web", "e1");
        REQUIRE(pid);
        auto exit = fixture.wait("web", "e1").value();
        CHECK(exit.pid == *pid);
        CHECK(exit.status == 4);
        CHECK(fixture.status("web", "e1") == process_status::stopped);
        CHECK(fixture.remove("web", "e1").value() == exit);
        CHECK_FALSE(std::filesystem::exists(fixture.fake.bundle("web") + "/e1.pid"));
        CHECK(fixture.processes.state("web", "e1").error().message() == "process does not exist e1: not found");
        CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/start web", "/tasks/exec-added e1",
                                     "/tasks/exec-started e1", "/tasks/exit e1 4"});
        fixture.heard.resize(2);
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("an exec id is checked before it is taken", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    for (auto id : {"", "a/b", "..", "-x", "a b", "web"}) {
        CAPTURE(id);
        CHECK(fixture.add_exec("web", id, {"exit", "0"}).error().kind() == errc::invalid_argument);
    }
    REQUIRE(fixture.add_exec("web", "e1", {"exit", "0"}));
    CHECK(fixture.add_exec("web", "e1", {"exit", "0"}).error().message() == "id e1: already exists");
    exec_request broken;
    broken.id = "web";
    broken.exec_id = "e2";
    for (auto spec : {"", "[]", "{", "null"}) {
        CAPTURE(spec);
        broken.spec_json = spec;
        CHECK(fixture.run(fixture.processes.exec(broken)).error().kind() == errc::invalid_argument);
    }
    CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), "/tasks/exec-added e1") == 1);
    CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), "/tasks/exec-added e2") == 0);
}

TEST_CASE("an exec's user is looked for in the root filesystem", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto etc = fixture.fake.bundle("web") + "/rootfs/etc";
    REQUIRE(make_directories(etc, 0755));
    REQUIRE(replace_file(etc + "/passwd", "nginx:x:101:102::/srv:\n", 0644));
    exec_request request;
    request.id = "web";
    request.exec_id = "e1";
    request.spec_json = R"({"args":["exit","0"],"user":{"username":"none"}})";
    CHECK(fixture.run(fixture.processes.exec(request)).error().message() ==
          "no user \"none\" in the container's /etc/passwd: not found");
    CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), "/tasks/exec-added e1") == 0);
    request.spec_json = R"({"args":["exit","0"],"user":{"username":"nginx"}})";
    REQUIRE(fixture.run(fixture.processes.exec(request)));
}

TEST_CASE("the request says whether an exec has a terminal", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    exec_request request;
    request.id = "web";
    request.exec_id = "e1";
    request.spec_json = R"({"terminal": true, "args": ["exit", "0"]})";
    REQUIRE(fixture.run(fixture.processes.exec(request)));
    REQUIRE(fixture.start("web", "e1"));
    auto spec = boost::json::parse(fixture.fake.calls("exec").at(0).at("process").as_string());
    CHECK(spec.at("terminal") == false);
    CHECK(spec.at("args") == boost::json::value({"exit", "0"}));
}

TEST_CASE("calls that name an unknown exec say so", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    const std::string expected = "process does not exist x: not found";
    CHECK(fixture.start("web", "x").error().message() == expected);
    CHECK(fixture.wait("web", "x").error().message() == expected);
    CHECK(fixture.remove("web", "x").error().message() == expected);
    CHECK(fixture.kill("web", "x", 9).error().message() == expected);
    CHECK(fixture.run(fixture.processes.resize("web", "x", 1, 1)).error().message() == expected);
    CHECK(fixture.run(fixture.processes.close_io("web", "x")).error().message() == expected);
}

TEST_CASE("an exec's failed start is final, told to those who wait, and costs nothing else", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto before = open_descriptors();
    REQUIRE(fixture.add_exec("web", "good", {"exit", "0"}));
    REQUIRE(fixture.start("web", "good"));
    REQUIRE(fixture.wait("web", "good"));
    for (auto id : {"bad", "worse"}) {
        REQUIRE(fixture.add_exec("web", id, {"/nonexistent/program"}));
        auto failed = fixture.start("web", id);
        CHECK(failed.error().message() ==
              "OCI runtime exec failed: executable file `/nonexistent/program` not found: No such file or directory");
        CHECK(fixture.start("web", id).error().message() == "cannot start a stopped process: failed precondition");
        auto exit = fixture.wait("web", id).value();
        CHECK(exit.status == 255);
        CHECK(exit.exited_at);
        CHECK(position(fixture.heard, "/tasks/exit " + std::string(id) + " 255") ==
              static_cast<std::ptrdiff_t>(fixture.heard.size()));
        CHECK(fixture.remove("web", id).value().status == 255);
    }
    REQUIRE(fixture.remove("web", "good"));
    CHECK(open_descriptors() == before);
    // The count is not disturbed: init's exit is told.
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
}

TEST_CASE("an exec without a pid we can believe is a failed start", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto [fault, expected] = GENERATE_COPY(table<std::string, std::string>({
        {R"({"fault": "no-pid-file"})", "no such file or directory"},
        {R"({"fault": "pid-file", "content": ""})", "empty"},
        {R"({"fault": "pid-file", "content": "abc"})", "invalid pid"},
        {R"({"fault": "pid-file", "content": "1"})", "no child of ours"},
    }));
    REQUIRE(fixture.add_exec("web", "e1", {"exit", "0"}));
    fixture.fake.set_fault("exec", fault);
    auto failed = fixture.start("web", "e1");
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message().find("failed to retrieve OCI runtime container pid: ") == 0);
    CHECK(failed.error().message().find(expected) != std::string::npos);
    CHECK(fixture.wait("web", "e1").value().status == 255);
}

TEST_CASE("an exec that is dead before its start returns is told after it", "[process]") {
    auto fault = GENERATE(as<std::string>(), "early-exit", "exit-after-pid-file");
    auto status = GENERATE(0, 7, 137);
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e1", {"sleep", "1000"}));
    fixture.fake.set_fault("exec", R"({"fault": ")" + fault + R"(", "status": )" + std::to_string(status) + "}");
    REQUIRE(fixture.start("web", "e1"));
    auto line = "/tasks/exit e1 " + std::to_string(status);
    fixture.await_event(line);
    CHECK(position(fixture.heard, "/tasks/exec-started e1") < position(fixture.heard, line));
    CHECK(fixture.wait("web", "e1").value().status == static_cast<std::uint32_t>(status));
}

TEST_CASE("an exec is killed through its pidfd, without the runtime", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e1", {"sleep", "1000"}));
    CHECK(fixture.kill("web", "e1", 9).error().message() == "process not created: failed precondition");
    REQUIRE(fixture.start("web", "e1"));
    CHECK(fixture.kill("web", "e1", 65).error().kind() == errc::invalid_argument);
    REQUIRE(fixture.kill("web", "e1", 0));
    REQUIRE(fixture.kill("web", "e1", SIGTERM, runc::kill_scope::all));
    CHECK(fixture.wait("web", "e1").value().status == 143);
    CHECK(fixture.kill("web", "e1", SIGKILL).error().message() == "process already finished: not found");
    CHECK(fixture.fake.calls("kill").empty());
    REQUIRE(fixture.remove("web", "e1"));
}

TEST_CASE("a running exec is not deleted, a created one is", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e1", {"sleep", "1000"}));
    REQUIRE(fixture.start("web", "e1"));
    CHECK(fixture.remove("web", "e1").error().message() == "cannot delete a running process: failed precondition");
    REQUIRE(fixture.add_exec("web", "e2", {"exit", "0"}));
    CHECK(fixture.remove("web", "e2").value() == process_exit(0, 0, std::nullopt));
}

TEST_CASE("one who waits for an exec that is deleted unstarted is released", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e1", {"exit", "0"}));
    wait_outcome waited;
    fixture.tasks->spawn("wait", note_wait(fixture, "e1", waited));
    fixture.poll();
    REQUIRE(fixture.remove("web", "e1"));
    fixture.pump([&] { return waited.has_value(); });
    CHECK(waited->value() == process_exit(0, 0, std::nullopt));
}

TEST_CASE("those who wait for an exec that is never started are released by the container's Delete", "[process]") {
    auto is_started = GENERATE(false, true);
    process_fixture fixture;
    auto other = fixture.open_stream(99);
    auto before = open_descriptors();
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    REQUIRE(fixture.add_exec("web", "e1", {"exit", "0"}));
    std::array<wait_outcome, 2> waited;
    for (auto& outcome : waited) fixture.tasks->spawn("wait", note_wait(fixture, "e1", outcome));
    if (is_started) {
        REQUIRE(fixture.start("web"));
        REQUIRE(fixture.kill("web", "", SIGKILL));
        REQUIRE(fixture.wait("web"));
    }
    fixture.poll();
    for (const auto& outcome : waited) CHECK_FALSE(outcome);
    REQUIRE(fixture.remove("web"));
    fixture.pump([&] { return waited[0] && waited[1]; });
    for (const auto& outcome : waited) CHECK(outcome->value() == process_exit(0, 0, std::nullopt));
    CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), "/tasks/exit e1 0") == 0);
    CHECK(fixture.processes.container_count() == 0);
    CHECK(open_descriptors() == before);
}

TEST_CASE("when init dies its execs are killed, and their exits are told before its own", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    for (auto id : {"e1", "e2", "e3"}) {
        REQUIRE(fixture.add_exec("web", id, {"sleep", "1000"}));
        REQUIRE(fixture.start("web", id));
    }
    REQUIRE(fixture.add_exec("web", "unstarted", {"exit", "0"}));
    REQUIRE(fixture.kill("web", "", SIGTERM));
    CHECK(fixture.wait("web").value().status == 143);
    auto init_at = position(fixture.heard, "/tasks/exit web 143");
    for (auto id : {"e1", "e2", "e3"}) {
        CHECK(position(fixture.heard, "/tasks/exit " + std::string(id) + " 137") < init_at);
    }
    CHECK(fake_runtime::words_of(fixture.fake.calls("kill").back()) == lines{"kill", "--all", "web", "9"});
    CHECK(fixture.start("web", "unstarted").error().message() ==
          "container web init process is not running: failed precondition");
    CHECK(fixture.add_exec("web", "late", {"exit", "0"}).error().message() ==
          "cannot exec in a stopped state: failed precondition");
    REQUIRE(fixture.remove("web"));
    CHECK(fixture.processes.state("web", "unstarted").error().kind() == errc::not_found);
}

TEST_CASE("an init that dies while an exec is being started waits for it", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e1", {"sleep", "1000"}));
    fixture.fake.set_fault("exec", R"({"fault": "slow", "ms": 300})");
    std::optional<result<std::uint32_t>> started;
    auto note = [](process_fixture& from, std::optional<result<std::uint32_t>>& outcome) -> awaitable<void> {
        outcome.emplace(co_await from.processes.start("web", "e1"));
    };
    fixture.tasks->spawn("start", note(fixture, started));
    fixture.fake.await_calls(fixture, "exec");
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
    REQUIRE(started);
    CHECK_FALSE(*started);
    CHECK(fixture.heard.back() == "/tasks/exit web 137");
    CHECK(fixture.wait("web", "e1").value().status == 255);
}

TEST_CASE("another process can be signalled while an exec is being started", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e1", {"sleep", "1000"}));
    REQUIRE(fixture.start("web", "e1"));
    REQUIRE(fixture.add_exec("web", "e2", {"sleep", "1000"}));
    fixture.fake.set_fault("exec", R"({"fault": "hang"})");
    auto note = [](process_fixture& from) -> awaitable<void> { co_await from.processes.start("web", "e2"); };
    fixture.tasks->spawn("start", note(fixture));
    fixture.fake.await_calls(fixture, "exec", 2);
    REQUIRE(fixture.kill("web", "e1", SIGKILL));
    CHECK(fixture.wait("web", "e1").value().status == 137);
    CHECK(fixture.status("web", "e2") == process_status::created);
    CHECK(fixture.start("web", "e2").error().message() == "cannot start a running process: failed precondition");
}

TEST_CASE("execs are bounded", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    for (std::size_t i = 0; i < process_service::max_execs_per_container; ++i) {
        REQUIRE(fixture.add_exec("web", "e" + std::to_string(i), {"exit", "0"}));
    }
    CHECK(fixture.add_exec("web", "more", {"exit", "0"}).error().kind() == errc::resource_exhausted);
}
