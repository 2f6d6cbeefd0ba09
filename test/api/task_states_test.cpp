// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <functional>
#include <map>

#include "api/task_fixture.hpp"
#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"

using namespace vminit;
using namespace vminit::test;

namespace {

using fixture = task_fixture;

/// One call on the container `web`, or on its exec `e`.
struct call {
    const char* name;
    std::function<std::string(fixture&)> make;
};

task::UpdateTaskRequest update_request() {
    auto request = fixture::named<task::UpdateTaskRequest>("web");
    request.mutable_resources()->set_value("{}");
    return request;
}

task::KillRequest kill_request(const std::string& exec_id) {
    auto request = fixture::named<task::KillRequest>("web", exec_id);
    request.set_signal(0);
    return request;
}

task::CloseIORequest close_request(const std::string& exec_id) {
    auto request = fixture::named<task::CloseIORequest>("web", exec_id);
    request.set_stdin(true);
    return request;
}

const std::vector<call> calls = {
    {"Start", [](fixture& io) { return io.verdict(io.run(io.client().Start(io.named<task::StartRequest>("web")))); }},
    {"Delete",
     [](fixture& io) { return io.verdict(io.run(io.client().Delete(io.named<task::DeleteRequest>("web")))); }},
    {"Kill", [](fixture& io) { return io.verdict(io.run(io.client().Kill(kill_request("")))); }},
    {"Exec",
     [](fixture& io) { return io.verdict(io.run(io.client().Exec(io.exec_request("web", "e", {"exit", "0"})))); }},
    {"Update", [](fixture& io) { return io.verdict(io.run(io.client().Update(update_request()))); }},
    {"ResizePty",
     [](fixture& io) { return io.verdict(io.run(io.client().ResizePty(io.named<task::ResizePtyRequest>("web")))); }},
    {"Pause", [](fixture& io) { return io.verdict(io.run(io.client().Pause(io.named<task::PauseRequest>("web")))); }},
    {"Resume",
     [](fixture& io) { return io.verdict(io.run(io.client().Resume(io.named<task::ResumeRequest>("web")))); }},
    {"Checkpoint",
     [](fixture& io) {
         auto request = io.named<task::CheckpointTaskRequest>("web");
         request.set_path(io.runtime.path("image"));
         containerd::runc::v1::CheckpointOptions options;
         request.mutable_options()->set_type_url("containerd.runc.v1.CheckpointOptions");
         request.mutable_options()->set_value(options.SerializeAsString());
         return io.verdict(io.run(io.client().Checkpoint(request)));
     }},
    {"CloseIO", [](fixture& io) { return io.verdict(io.run(io.client().CloseIO(close_request("")))); }},
};

const call& call_of(const std::string& name) {
    for (const auto& one : calls) {
        if (one.name == name) return one;
    }
    throw std::logic_error("no call " + name);
}

/// Brings `web` into a state.
void bring(fixture& io, const std::string& state) {
    io.create("web", {"sleep", "1000"});
    if (state == "created") return;
    if (state == "stopped") {
        io.runtime.set_fault("start", R"({"fault": "init-exits-during-start", "status": 3})");
        io.start("web");
        io.wait("web");
        return;
    }
    io.start("web");
    if (state == "paused") REQUIRE(io.run(io.client().Pause(io.named<task::PauseRequest>("web"))));
}

std::string state_of(fixture& io, const std::string& exec_id = {}) {
    auto state = io.run(io.client().State(io.named<task::StateRequest>("web", exec_id)));
    return state ? containerd::v1::types::Status_Name(state->status()) : io.verdict(state);
}

struct row {
    const char* call;
    std::map<std::string, std::string> verdicts;  // by state; absent = ok
};

const std::vector<row> matrix = {
    {"Start",
     {{"running", "9 cannot start a running process: failed precondition"},
      {"paused", "9 cannot start a paused process: failed precondition"},
      {"stopped", "9 cannot start a stopped process: failed precondition"}}},
    {"Delete",
     {{"running", "9 cannot delete a running process: failed precondition"},
      {"paused", "9 cannot delete a paused process: failed precondition"}}},
    {"Kill", {{"stopped", "5 process already finished: not found"}}},
    {"Exec",
     {{"paused", "9 cannot exec in a paused state: failed precondition"},
      {"stopped", "9 cannot exec in a stopped state: failed precondition"}}},
    {"Update", {{"stopped", "9 cannot update a stopped container: failed precondition"}}},
    {"ResizePty", {}},
    {"Pause",
     {{"created", "9 cannot pause task in created state: failed precondition"},
      {"paused", "9 cannot pause a paused container: failed precondition"},
      {"stopped", "9 cannot pause a stopped container: failed precondition"}}},
    {"Resume",
     {{"created", "9 cannot resume task in created state: failed precondition"},
      {"running", "9 cannot resume a running process: failed precondition"},
      {"stopped", "9 cannot resume a stopped container: failed precondition"}}},
    {"Checkpoint",
     {{"created", "9 cannot checkpoint a task in created state: failed precondition"},
      {"stopped", "9 cannot checkpoint a stopped container: failed precondition"}}},
    {"CloseIO", {}},
};

}  // namespace

TEST_CASE("a call in the wrong state is refused with containerd's text and code 9", "[api]") {
    auto state = GENERATE(as<std::string>(), "created", "running", "paused", "stopped");
    CAPTURE(state);
    fixture io(host_dialect::nerdbox());
    bring(io, state);
    std::string upper = state == "created"   ? "CREATED"
                        : state == "running" ? "RUNNING"
                        : state == "paused"  ? "PAUSED"
                                             : "STOPPED";
    for (const auto& [name, verdicts] : matrix) {
        CAPTURE(name);
        auto expected = verdicts.find(state);
        if (expected == verdicts.end()) continue;
        CHECK(call_of(name).make(io) == expected->second);
        CHECK(state_of(io) == upper);
    }
}

TEST_CASE("a call in a state that allows it goes ahead", "[api]") {
    auto state = GENERATE(as<std::string>(), "created", "running", "paused", "stopped");
    for (const auto& [name, verdicts] : matrix) {
        if (verdicts.contains(state)) continue;
        CAPTURE(state, name);
        fixture io(host_dialect::nerdbox());
        bring(io, state);
        CHECK(call_of(name).make(io) == "ok");
    }
}

TEST_CASE("while Delete is under way the container counts as deleted", "[api]") {
    fixture io(host_dialect::nerdbox());
    bring(io, "stopped");
    io.runtime.set_fault("delete", R"({"fault": "hang"})");
    const auto& deleted = io.leave(io.client().Delete(io.named<task::DeleteRequest>("web")));
    io.runtime.await_file(io, "hanging");
    const std::map<std::string, std::string> expected = {
        {"Start", "9 cannot start a deleted process: failed precondition"},
        {"Delete", "5 cannot delete a deleted process: not found"},
        {"Kill", "5 process already finished: not found"},
        {"Exec", "9 cannot exec in a deleted state: failed precondition"},
        {"Update", "9 cannot update a deleted process: failed precondition"},
        {"ResizePty", "ok"},
        {"Pause", "9 cannot pause a deleted process: failed precondition"},
        {"Resume", "9 cannot resume a deleted process: failed precondition"},
        {"Checkpoint", "9 cannot checkpoint a deleted process: failed precondition"},
        {"CloseIO", "ok"},
    };
    for (const auto& one : calls) {
        CAPTURE(one.name);
        CHECK(one.make(io) == expected.at(one.name));
    }
    CHECK(state_of(io) == "STOPPED");
    CHECK(deleted.empty());
}

TEST_CASE("a container that is deleted or never was is not found by any call", "[api]") {
    fixture io(host_dialect::nerdbox());
    if (GENERATE(true, false)) {
        bring(io, "stopped");
        REQUIRE(io.run(io.client().Delete(io.named<task::DeleteRequest>("web"))));
    }
    const std::string expected = "5 container not created: not found";
    for (const auto& one : calls) {
        CAPTURE(one.name);
        CHECK(one.make(io) == expected);
    }
    CHECK(state_of(io) == expected);
    CHECK(state_of(io, "e") == expected);
    CHECK(io.verdict(io.run(io.client().Wait(io.named<task::WaitRequest>("web")))) == expected);
    CHECK(io.verdict(io.run(io.client().Pids(io.named<task::PidsRequest>("web")))) == expected);
    CHECK(io.verdict(io.run(io.client().Stats(io.named<task::StatsRequest>("web")))) == expected);
    auto connected = io.run(io.client().Connect(io.named<task::ConnectRequest>("web")));
    REQUIRE(connected);
    CHECK(connected->task_pid() == 0);
    CHECK(connected->shim_pid() == static_cast<std::uint32_t>(::getpid()));
}

TEST_CASE("an exec that does not exist is not found by any call", "[api]") {
    fixture io;
    io.create("web", {"sleep", "1000"});
    const std::string expected = "5 process does not exist e: not found";
    CHECK(io.verdict(io.run(io.client().Start(io.named<task::StartRequest>("web", "e")))) == expected);
    CHECK(io.verdict(io.run(io.client().Delete(io.named<task::DeleteRequest>("web", "e")))) == expected);
    CHECK(io.verdict(io.run(io.client().Kill(kill_request("e")))) == expected);
    CHECK(io.verdict(io.run(io.client().ResizePty(io.named<task::ResizePtyRequest>("web", "e")))) == expected);
    CHECK(io.verdict(io.run(io.client().CloseIO(close_request("e")))) == expected);
    CHECK(io.verdict(io.run(io.client().CloseIO(io.named<task::CloseIORequest>("web", "e")))) == expected);
    CHECK(io.verdict(io.run(io.client().Wait(io.named<task::WaitRequest>("web", "e")))) == expected);
    CHECK(state_of(io, "e") == expected);
}

TEST_CASE("an exec's calls in the wrong state are refused with containerd's text", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    auto start = [&] { return io.verdict(io.run(io.client().Start(io.named<task::StartRequest>("web", "e")))); };
    auto remove = [&] { return io.verdict(io.run(io.client().Delete(io.named<task::DeleteRequest>("web", "e")))); };
    auto resize = [&] {
        return io.verdict(io.run(io.client().ResizePty(io.named<task::ResizePtyRequest>("web", "e"))));
    };
    auto kill = [&](std::uint32_t signal) {
        auto request = kill_request("e");
        request.set_signal(signal);
        return io.verdict(io.run(io.client().Kill(request)));
    };
    io.add_exec("web", "e", {"sleep", "1000"});
    CHECK(io.verdict(io.run(io.client().Exec(io.exec_request("web", "e", {"exit", "0"})))) == "6 id e: already exists");
    CHECK(state_of(io, "e") == "CREATED");
    CHECK(kill(9) == "9 process not created: failed precondition");
    CHECK(resize() == "ok");
    CHECK(start() == "ok");
    CHECK(state_of(io, "e") == "RUNNING");
    CHECK(start() == "9 cannot start a running process: failed precondition");
    CHECK(remove() == "9 cannot delete a running process: failed precondition");
    CHECK(resize() == "ok");
    CHECK(kill(65) == "3 signal 65: invalid argument");
    CHECK(kill(0) == "ok");
    CHECK(kill(64) == "ok");
    CHECK(io.wait("web", "e").exit_status() == 192);
    CHECK(state_of(io, "e") == "STOPPED");
    CHECK(start() == "9 cannot start a stopped process: failed precondition");
    CHECK(kill(9) == "5 process already finished: not found");
    CHECK(resize() == "9 cannot resize a stopped container: failed precondition");
    CHECK(remove() == "ok");
    CHECK(remove() == "5 process does not exist e: not found");
}

TEST_CASE("an exec is shown paused with its container, a stopped one stays stopped", "[api]") {
    fixture io(host_dialect::nerdbox());
    io.run_container("web", {"sleep", "1000"});
    io.add_exec("web", "e", {"sleep", "1000"});
    io.start("web", "e");
    io.add_exec("web", "done", {"exit", "0"});
    io.start("web", "done");
    io.wait("web", "done");
    REQUIRE(io.run(io.client().Pause(io.named<task::PauseRequest>("web"))));
    CHECK(state_of(io, "e") == "PAUSED");
    CHECK(state_of(io, "done") == "STOPPED");
    REQUIRE(io.run(io.client().Resume(io.named<task::ResumeRequest>("web"))));
    CHECK(state_of(io, "e") == "RUNNING");
    io.runtime.set_fault("pause", R"({"fault": "hang"})");
    const auto& paused = io.leave(io.client().Pause(io.named<task::PauseRequest>("web")));
    io.runtime.await_file(io, "hanging");
    CHECK(state_of(io) == "PAUSING");
    CHECK(state_of(io, "e") == "PAUSING");
    CHECK(paused.empty());
}

TEST_CASE("pause, resume and checkpoint are not implemented for a host that stops the VM", "[api]") {
    fixture io;
    CHECK(call_of("Pause").make(io) == "12 pause is not supported: not implemented");
    CHECK(call_of("Resume").make(io) == "12 resume is not supported: not implemented");
    CHECK(call_of("Checkpoint").make(io) == "12 checkpoint is not supported: not implemented");
}
