// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <filesystem>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;
using namespace std::chrono_literals;

TEST_CASE("a container goes through its life, and its events tell it in order", "[process]") {
    process_fixture fixture(process_options{GENERATE(runtime_dialect::crun, runtime_dialect::runc), {}});
    auto before = open_descriptors();
    auto pid = fixture.create("web", {"exit", "7"});
    REQUIRE(pid);
    CHECK(fixture.heard == lines{"/tasks/create web"});
    CHECK(fixture.status("web") == process_status::created);
    CHECK(fixture.processes.init_pid("web") == *pid);
    CHECK(fixture.start("web").value() == *pid);
    auto exit = fixture.wait("web").value();
    CHECK(exit.pid == *pid);
    CHECK(exit.status == 7);
    REQUIRE(exit.exited_at);
    CHECK(*exit.exited_at <= wall_now());
    CHECK(fixture.status("web") == process_status::stopped);
    CHECK(fixture.wait("web").value() == exit);
    CHECK(fixture.remove("web").value() == exit);
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/start web", "/tasks/exit web 7"});
    CHECK(fixture.processes.container_count() == 0);
    CHECK(fixture.remove("web").error().message() == "container not created: not found");
    CHECK(open_descriptors() == before);
    CHECK(fixture.has_line("container created id=web pid=" + std::to_string(*pid)));
}

TEST_CASE("calls that name an unknown container say that it was not created", "[process]") {
    process_fixture fixture;
    const std::string expected = "container not created: not found";
    CHECK(fixture.start("x").error().message() == expected);
    CHECK(fixture.wait("x").error().message() == expected);
    CHECK(fixture.remove("x").error().message() == expected);
    CHECK(fixture.kill("x", "", 9).error().message() == expected);
    CHECK(fixture.add_exec("x", "e", {}).error().message() == expected);
    CHECK(fixture.processes.state("x", "").error().message() == expected);
    CHECK(fixture.run(fixture.processes.pids("x")).error().message() == expected);
    CHECK(fixture.run(fixture.processes.resize("x", "", 1, 1)).error().message() == expected);
    CHECK(fixture.run(fixture.processes.close_io("x", "")).error().message() == expected);
    CHECK(fixture.run(fixture.processes.stats("x")).error().message() == expected);
    CHECK(fixture.run(fixture.processes.update("x", "{}")).error().message() == expected);
    CHECK_FALSE(fixture.processes.init_pid("x"));
}

TEST_CASE("a request that cannot be a container is refused before anything is done", "[process]") {
    process_fixture fixture;
    auto valid = fixture.request("web", {"exit", "0"});
    for (auto id : {"", ".", "..", "a/b", "a..b"}) {
        CAPTURE(id);
        auto request = valid;
        request.id = id;
        CHECK(fixture.run(fixture.processes.create(request)).error().kind() == errc::invalid_argument);
    }
    auto checkpoint = valid;
    checkpoint.checkpoint = "/c";
    CHECK(fixture.run(fixture.processes.create(checkpoint)).error().message() ==
          "create from a checkpoint is not supported: not implemented");
    auto parent = valid;
    parent.parent_checkpoint = "/c";
    CHECK(fixture.run(fixture.processes.create(parent)).error().kind() == errc::not_implemented);
    auto relative = valid;
    relative.bundle = "bundles/web";
    CHECK(fixture.run(fixture.processes.create(relative)).error().kind() == errc::invalid_argument);
    CHECK(fixture.fake.calls().empty());
    CHECK(fixture.processes.container_count() == 0);
}

TEST_CASE("the id is taken from the first moment of a create", "[process]") {
    process_fixture fixture;
    auto first = fixture.request("web", {"sleep", "1000"});
    std::optional<result<std::uint32_t>> created;
    auto note = [](process_fixture& from, create_request request,
                   std::optional<result<std::uint32_t>>& outcome) -> awaitable<void> {
        outcome.emplace(co_await from.processes.create(std::move(request)));
    };
    fixture.tasks->spawn("first", note(fixture, first, created));
    auto second = fixture.run(fixture.processes.create(first));
    CHECK(second.error().message() == "container web already exists: already exists");
    CHECK(fixture.processes.state("web", "").error().kind() == errc::not_found);
    auto listed = fixture.processes.containers();
    REQUIRE(listed.size() == 1);
    CHECK(listed[0].init.id == "web");
    CHECK_FALSE(listed[0].is_created);
    fixture.pump([&] { return created.has_value(); });
    REQUIRE(*created);
    CHECK(fixture.run(fixture.processes.create(first)).error().kind() == errc::already_exists);
    CHECK(fixture.fake.calls("create").size() == 1);
}

TEST_CASE("an exit while Start is in flight is told after the start", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    fixture.fake.set_fault("start", R"({"fault": "init-exits-during-start", "status": 3})");
    REQUIRE(fixture.start("web"));
    CHECK(fixture.wait("web").value().status == 3);
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/start web", "/tasks/exit web 3"});
}

TEST_CASE("an exit before the runtime's create has returned is told after the create", "[process]") {
    auto fault = GENERATE(as<std::string>(), "early-exit", "exit-after-pid-file", "init-exits-after-create");
    auto status = GENERATE(0, 7, 137);
    process_fixture fixture;
    fixture.fake.set_fault("create", R"({"fault": ")" + fault + R"(", "status": )" + std::to_string(status) + "}");
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    fixture.await_event("/tasks/exit web " + std::to_string(status));
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/exit web " + std::to_string(status)});
    CHECK(fixture.status("web") == process_status::stopped);
    CHECK(fixture.start("web").error().message() == "cannot start a stopped process: failed precondition");
    CHECK(fixture.remove("web").value().status == static_cast<std::uint32_t>(status));
}

TEST_CASE("a failed start can be repeated", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"exit", "0"}));
    fixture.fake.set_fault("start", R"({"fault": "error", "message": "no start today"})");
    CHECK(fixture.start("web").error().message() == "OCI runtime start failed: no start today");
    CHECK(fixture.status("web") == process_status::created);
    CHECK(fixture.heard == lines{"/tasks/create web"});
    REQUIRE(fixture.start("web"));
    CHECK(fixture.wait("web").value().status == 0);
}

TEST_CASE("State never waits for a runtime, and a second Start is refused at once", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    fixture.fake.set_fault("start", R"({"fault": "hang"})");
    std::optional<result<std::uint32_t>> started;
    auto note = [](process_fixture& from, std::optional<result<std::uint32_t>>& outcome) -> awaitable<void> {
        outcome.emplace(co_await from.processes.start("web", ""));
    };
    fixture.tasks->spawn("start", note(fixture, started));
    fixture.fake.await_calls(fixture, "start");
    CHECK(fixture.status("web") == process_status::created);
    CHECK(fixture.start("web").error().message() == "cannot start a running process: failed precondition");
    CHECK(fixture.remove("web").error().message() == "cannot delete a running process: failed precondition");
    CHECK_FALSE(started);
}

TEST_CASE("a created container is killed by Delete, which answers with its exit", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    auto exit = fixture.remove("web");
    REQUIRE(exit);
    CHECK(exit->status == 137);
    CHECK(exit->exited_at);
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/exit web 137"});
    CHECK(fake_runtime::words_of(fixture.fake.calls("delete").at(0)) == lines{"delete", "--force", "web"});
    REQUIRE(fixture.create("web", {"exit", "0"}));
}

TEST_CASE("a running container is not deleted", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    CHECK(fixture.remove("web").error().message() == "cannot delete a running process: failed precondition");
    CHECK(fixture.fake.calls("delete").empty());
}

TEST_CASE("a failed delete leaves everything as it was and can be repeated", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"exit", "5"});
    REQUIRE(fixture.wait("web"));
    fixture.fake.set_fault("delete", R"({"fault": "error", "message": "busy"})");
    CHECK(fixture.remove("web").error().message() == "failed to delete task: busy");
    CHECK(fixture.status("web") == process_status::stopped);
    CHECK(fixture.remove("web").value().status == 5);
}

TEST_CASE("a container the runtime has lost can be deleted", "[process]") {
    process_fixture fixture(process_options{GENERATE(runtime_dialect::crun, runtime_dialect::runc), {}});
    fixture.run_container("web", {"exit", "5"});
    REQUIRE(fixture.wait("web"));
    std::filesystem::remove_all(fixture.fake.root() + "/web");
    CHECK(fixture.remove("web").value().status == 5);
}

TEST_CASE("a bundle goes with its container only where bundles are ours", "[process]") {
    process_options options;
    options.bundles_are_ours = GENERATE(true, false);
    process_fixture fixture(options);
    REQUIRE(fixture.create("web", {"exit", "0"}));
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.wait("web"));
    CHECK(std::filesystem::exists(fixture.fake.bundle("web")));
    REQUIRE(fixture.remove("web"));
    CHECK(std::filesystem::exists(fixture.fake.bundle("web")) != options.bundles_are_ours);
}

TEST_CASE("TaskDelete is left to the host, or published if the dialect says so", "[process]") {
    process_options options;
    options.config.dialect = host_dialect::nerdbox();
    process_fixture fixture(std::move(options));
    fixture.run_container("web", {"exit", "5"});
    REQUIRE(fixture.wait("web"));
    REQUIRE(fixture.remove("web"));
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/start web", "/tasks/exit web 5", "/tasks/delete web 5"});
}

TEST_CASE("killing init goes through the runtime, and what is dead is not found", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    CHECK(fixture.kill("web", "", 65).error().kind() == errc::invalid_argument);
    REQUIRE(fixture.kill("web", "", 0));
    REQUIRE(fixture.kill("web", "", SIGTERM));
    CHECK(fixture.wait("web").value().status == 143);
    auto calls = fixture.fake.calls("kill").size();
    CHECK(fixture.kill("web", "", SIGKILL).error().message() == "process already finished: not found");
    CHECK(fixture.fake.calls("kill").size() == calls);
}

TEST_CASE("a kill that fails has the text hosts know", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto [text, expected] = GENERATE(table<std::string, std::string>(
        {{"os: process already finished", "process already finished: not found"},
         {"container not running", "process already finished: not found"},
         {"No Such Process", "process already finished: not found"},
         {"container does not exist", "no such container: not found"},
         {"what now", "unknown error after kill: " + fake_runtime::binary() +
                          " did not terminate successfully: exit status 1: what now\n"}}));
    fixture.fake.set_fault("kill", R"({"fault": "stderr", "message": ")" + text + "\"}");
    CHECK(fixture.kill("web", "", SIGTERM).error().message() == expected);
}

TEST_CASE("a wait that is given up leaves the container alone", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    std::optional<result<process_exit>> waited;
    auto note = [](process_fixture& from, std::optional<result<process_exit>>& outcome) -> awaitable<void> {
        outcome.emplace(co_await from.processes.wait("web", ""));
    };
    auto waiters = std::make_unique<task_group>(fixture.ex(), fixture.log());
    waiters->spawn("wait", note(fixture, waited));
    fixture.poll();
    waiters->stop();
    fixture.pump([&] { return waited.has_value(); });
    CHECK(waited->error().kind() == errc::cancelled);
    CHECK(fixture.status("web") == process_status::running);
}

TEST_CASE("pause, resume and checkpoint are refused without a look at the container", "[process]") {
    process_fixture fixture;
    CHECK(fixture.run(fixture.processes.pause("x")).error().message() == "pause is not supported: not implemented");
    CHECK(fixture.run(fixture.processes.resume("x")).error().message() == "resume is not supported: not implemented");
    CHECK(fixture.run(fixture.processes.checkpoint(checkpoint_request())).error().message() ==
          "checkpoint is not supported: not implemented");
}

TEST_CASE("with a dialect that allows it a container is paused, resumed and checkpointed", "[process]") {
    process_options options;
    options.config.dialect = host_dialect::nerdbox();
    process_fixture fixture(std::move(options));
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    REQUIRE(fixture.start("web", "e"));
    REQUIRE(fixture.run(fixture.processes.pause("web")));
    CHECK(fixture.status("web") == process_status::paused);
    CHECK(fixture.status("web", "e") == process_status::paused);
    CHECK(fixture.run(fixture.processes.pause("web")).error().message() ==
          "cannot pause a paused container: failed precondition");
    CHECK(fixture.add_exec("web", "f", {}).error().message() == "cannot exec in a paused state: failed precondition");
    REQUIRE(fixture.run(fixture.processes.resume("web")));
    CHECK(fixture.status("web") == process_status::running);
    CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), "/tasks/paused") == 1);
    CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), "/tasks/resumed") == 1);
}

TEST_CASE("an update goes to the runtime as it came", "[process]") {
    process_fixture fixture;
    REQUIRE(fixture.create("web", {"sleep", "1000"}));
    REQUIRE(fixture.run(fixture.processes.update("web", R"({"memory":{"limit":1048576}})")));
    auto call = fixture.fake.calls("update").at(0);
    CHECK(std::string(call["stdin"].as_string()) == "{\"memory\":{\"limit\":1048576}}\n");
    CHECK(fixture.run(fixture.processes.update("web", "")).error().kind() == errc::invalid_argument);
    CHECK(fixture.run(fixture.processes.update("web", "[1]")).error().kind() == errc::invalid_argument);
}

TEST_CASE("without a cgroup of its own a container has no metrics, and the runtime tells its pids", "[process]") {
    process_options options;
    options.config.proc = "/nonexistent";
    process_fixture fixture(std::move(options));
    fixture.run_container("web", {"sleep", "1000"});
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    auto exec_pid = fixture.start("web", "e").value();
    CHECK(fixture.run(fixture.processes.stats("web")).error().message() == "cgroup does not exist: not found");
    auto pids = fixture.run(fixture.processes.pids("web")).value();
    auto init_pid = fixture.processes.init_pid("web").value();
    CHECK(pids == std::vector<process_info>{process_info(init_pid, ""), process_info(exec_pid, "e")});
}

TEST_CASE("at power-off everything is killed and told, and nothing new begins", "[process]") {
    process_fixture fixture;
    fixture.run_container("one", {"sleep", "1000"});
    fixture.run_container("two", {"sleep", "1000"});
    REQUIRE(fixture.create("three", {"sleep", "1000"}));
    REQUIRE(fixture.add_exec("one", "e", {"sleep", "1000"}));
    REQUIRE(fixture.start("one", "e"));
    fixture.run(fixture.processes.kill_all(10s));
    fixture.poll();
    for (auto line : {"/tasks/exit one 137", "/tasks/exit two 137", "/tasks/exit three 137", "/tasks/exit e 137"}) {
        CAPTURE(line);
        CHECK(std::count(fixture.heard.begin(), fixture.heard.end(), line) == 1);
    }
    CHECK(fixture.create("four", {"exit", "0"}).error().kind() == errc::unavailable);
    CHECK(fixture.start("three").error().kind() == errc::unavailable);
    CHECK(fixture.add_exec("one", "f", {}).error().kind() == errc::unavailable);
    fixture.run(fixture.processes.kill_all(10s));
}
