// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <csignal>

#include "api/task_fixture.hpp"
#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

using fixture = task_fixture;

/// A call that makes the runtime run `subcommand`, its limit, and what it answers when the runtime hangs.
struct hanging_call {
    const char* name;
    const char* subcommand;
    std::chrono::seconds limit;
    const char* failure;
};

const std::vector<hanging_call> hanging_calls = {
    {"Create", "create", 60s, "4 OCI runtime create failed: "},
    {"Start", "start", 60s, "4 OCI runtime start failed: "},
    {"Exec start", "exec", 60s, "4 OCI runtime exec failed: "},
    {"Kill", "kill", 10s, "4 unknown error after kill: "},
    {"Delete", "delete", 60s, "4 failed to delete task: "},
    {"Pids", "ps", 30s, "4 "},
    {"Update", "update", 30s, "4 "},
    {"Pause", "pause", 30s, "4 OCI runtime pause failed: "},
    {"Resume", "resume", 30s, "4 OCI runtime resume failed: "},
    {"Checkpoint", "checkpoint", 600s, "4 OCI runtime checkpoint failed: "},
};

const std::string& leave_call(fixture& io, const std::string& name, const task::CreateTaskRequest& create) {
    auto client = io.client();
    if (name == "Create") return io.leave(client.Create(create));
    if (name == "Start") return io.leave(client.Start(io.named<task::StartRequest>("web")));
    if (name == "Exec start") return io.leave(client.Start(io.named<task::StartRequest>("web", "e")));
    if (name == "Kill") return io.leave(client.Kill(io.named<task::KillRequest>("web")));
    if (name == "Delete") return io.leave(client.Delete(io.named<task::DeleteRequest>("web")));
    if (name == "Pids") return io.leave(client.Pids(io.named<task::PidsRequest>("web")));
    if (name == "Pause") return io.leave(client.Pause(io.named<task::PauseRequest>("web")));
    if (name == "Resume") return io.leave(client.Resume(io.named<task::ResumeRequest>("web")));
    if (name == "Checkpoint") return io.leave(client.Checkpoint(io.named<task::CheckpointTaskRequest>("web")));
    auto update = io.named<task::UpdateTaskRequest>("web");
    update.mutable_resources()->set_value("{}");
    return io.leave(client.Update(update));
}

/// Brings `web` where the call is allowed and makes it hang; the verdict appears in what is returned.
const std::string& hang(fixture& io, const hanging_call& one) {
    std::string name = one.name;
    auto request = io.create_request("web", {"sleep", "1000"});
    if (name != "Create") REQUIRE(io.run(io.client().Create(request)));
    if (name != "Create" && name != "Start" && name != "Delete") io.start("web");
    if (name == "Exec start") io.add_exec("web", "e", {"sleep", "1000"});
    if (name == "Resume") REQUIRE(io.run(io.client().Pause(io.named<task::PauseRequest>("web"))));
    io.runtime.set_fault(one.subcommand, R"({"fault": "hang", "ignore_term": true, "helper": true, "id": "web"})");
    const auto& verdict = leave_call(io, name, request);
    io.runtime.await_file(io, "hanging");
    return verdict;
}

/// True once nobody has this pid, or only as a zombie that the reaper has yet to be told of.
bool is_gone(fixture& io, const std::string& file) {
    auto pid = std::stoi(read_file(io.runtime.path(file)).value());
    auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    return !stat || stat->find(") Z ") != std::string::npos;
}

}  // namespace

TEST_CASE("a runtime that hangs delays no other call", "[api]") {
    auto one = GENERATE(from_range(hanging_calls));
    CAPTURE(one.name);
    fixture io(host_dialect::nerdbox());
    io.run_container("other", {"sleep", "1000"});
    io.add_exec("other", "busy", {"sleep", "1000"});
    io.start("other", "busy");
    const auto& answer = hang(io, one);
    if (one.name != std::string("Create")) {
        CHECK(io.run(io.client().State(io.named<task::StateRequest>("web"))));
    }
    // A further connection is what a host's liveness check makes.
    auto further = io.connect();
    CHECK(io.run(task::TaskClient(further).Connect(io.named<task::ConnectRequest>("web"))));
    auto exec_kill = io.named<task::KillRequest>("other", "busy");
    exec_kill.set_signal(SIGKILL);
    CHECK(io.run(io.client().Kill(exec_kill)));
    CHECK(io.wait("other", "busy").exit_status() == 137);
    auto init_kill = io.named<task::KillRequest>("other");
    init_kill.set_signal(SIGKILL);
    CHECK(io.run(io.client().Kill(init_kill)));
    CHECK(io.wait("other").exit_status() == 137);
    CHECK(io.run(io.client().Delete(io.named<task::DeleteRequest>("other"))));
    CHECK(answer.empty());
    further.close();
    io.run(further.join());
}

TEST_CASE("a runtime that hangs is killed with its process group when its time is up", "[api]") {
    auto one = GENERATE(from_range(hanging_calls));
    CAPTURE(one.name);
    fixture io(host_dialect::nerdbox());
    manual_time time(clock::now());
    const auto& answer = hang(io, one);
    auto helper = io.runtime.await_file(io, "helper");
    time.advance(one.limit - 1ms);
    io.poll();
    CHECK(answer.empty());
    time.advance(1ms);
    io.pump([&] { return !answer.empty(); });
    CAPTURE(answer);
    CHECK(answer.find(one.failure) == 0);
    CHECK(answer.find(" did not finish within " + std::to_string(one.limit.count()) +
                      " s: context deadline exceeded") != std::string::npos);
    CHECK(is_gone(io, "hanging"));
    io.pump([&] { return is_gone(io, "helper"); });
}
