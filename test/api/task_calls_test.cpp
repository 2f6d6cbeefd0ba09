// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <csignal>

#include "api/task_fixture.hpp"
#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"
#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"

using namespace vminit;
using namespace vminit::test;

namespace {

using fixture = task_fixture;

constexpr std::int64_t go_zero_time = -62135596800;

}  // namespace

TEST_CASE("State tells an exec's own id, stdio and pid in its container's bundle", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    auto request = io.exec_request("web", "e", {"exit", "5"});
    request.set_stdout("stream://7");
    request.set_stderr("stream://8");
    REQUIRE(io.run(io.client().Exec(request)));
    auto state = io.run(io.client().State(io.named<task::StateRequest>("web", "e")));
    REQUIRE(state);
    CHECK(state->id() == "e");
    CHECK(state->exec_id().empty());
    CHECK(state->bundle() == io.runtime.bundle("web"));
    CHECK(state->pid() == 0);
    CHECK(state->stdin().empty());
    CHECK(state->stdout() == "stream://7");
    CHECK(state->stderr() == "stream://8");
    CHECK_FALSE(state->terminal());
    CHECK(state->exit_status() == 0);
    CHECK(state->exited_at().seconds() == go_zero_time);
    CHECK(state->exited_at().nanos() == 0);
    // It never ran: deleting it answers Go's zero time as well.
    auto deleted = io.run(io.client().Delete(io.named<task::DeleteRequest>("web", "e")));
    REQUIRE(deleted);
    CHECK(deleted->pid() == 0);
    CHECK(deleted->exit_status() == 0);
    CHECK(deleted->exited_at().seconds() == go_zero_time);
}

TEST_CASE("a stopped process keeps its pid, status and time until it is deleted", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    io.add_exec("web", "e", {"exit", "5"});
    auto pid = io.start("web", "e");
    auto exit = io.wait("web", "e");
    CHECK(exit.exit_status() == 5);
    for (int i = 0; i < 2; ++i) CHECK(io.wait("web", "e").exited_at().nanos() == exit.exited_at().nanos());
    auto state = io.run(io.client().State(io.named<task::StateRequest>("web", "e")));
    CHECK(state->pid() == pid);
    CHECK(state->exit_status() == 5);
    CHECK(state->exited_at().seconds() == exit.exited_at().seconds());
    auto deleted = io.run(io.client().Delete(io.named<task::DeleteRequest>("web", "e")));
    CHECK(deleted->pid() == pid);
    CHECK(deleted->exit_status() == 5);
    CHECK(deleted->exited_at().nanos() == exit.exited_at().nanos());
}

TEST_CASE("what cannot be created is refused with its code before anything is done", "[api]") {
    fixture io;
    auto request = io.create_request("web", {"exit", "0"});
    for (auto id : {"", ".", "..", "a/b", "a..b"}) {
        auto wrong = request;
        wrong.set_id(id);
        CHECK(io.verdict(io.run(io.client().Create(wrong))) ==
              "3 container id \"" + std::string(id) + "\": invalid argument");
    }
    auto nul = request;
    nul.set_id(std::string("a\0b", 3));
    CHECK(io.run(io.client().Create(nul)).error().kind() == errc::invalid_argument);
    for (bool is_parent : {false, true}) {
        auto checkpoint = request;
        is_parent ? checkpoint.set_parent_checkpoint("/c") : checkpoint.set_checkpoint("/c");
        CHECK(io.verdict(io.run(io.client().Create(checkpoint))) ==
              "12 create from a checkpoint is not supported: not implemented");
    }
    auto nowhere = request;
    nowhere.set_bundle("/nonexistent/bundle");
    CHECK(io.run(io.client().Create(nowhere)).error().kind() == errc::not_found);
    CHECK(io.runtime.calls().empty());
    CHECK(io.processes.container_count() == 0);
}

TEST_CASE("an exec is checked with the codes hosts branch on", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    auto verdict = [&](const task::ExecProcessRequest& request) {
        return io.verdict(io.run(io.client().Exec(request)));
    };
    auto valid = io.exec_request("web", "e", {"exit", "0"});
    for (std::string id : {"", "a/b", "..", "-x", "x-", "a b"}) {
        auto wrong = valid;
        wrong.set_exec_id(id);
        CHECK(verdict(wrong) == "3 exec id \"" + id + "\" is not an identifier: invalid argument");
    }
    auto longest = valid;
    longest.set_exec_id(std::string(76, 'x'));
    CHECK(verdict(longest) == "ok");
    longest.set_exec_id(std::string(77, 'x'));
    CHECK(io.run(io.client().Exec(longest)).error().kind() == errc::invalid_argument);
    auto no_spec = valid;
    no_spec.clear_spec();
    CHECK(verdict(no_spec) == "3 exec process spec is missing: invalid argument");
    auto broken = valid;
    broken.mutable_spec()->set_value("{");
    CHECK(io.run(io.client().Exec(broken)).error().kind() == errc::invalid_argument);
    CHECK(verdict(broken).find("3 process spec: ") == 0);
    // The type does not matter, only the value does.
    auto untyped = valid;
    untyped.mutable_spec()->clear_type_url();
    CHECK(verdict(untyped) == "ok");
    CHECK(verdict(valid) == "6 id e: already exists");
}

TEST_CASE("an exec that fails to start is stopped with 255 and cannot be started again", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    io.add_exec("web", "e", {"/nonexistent"});
    const auto& waited = io.leave(io.client().Wait(io.named<task::WaitRequest>("web", "e")));
    auto start = [&] { return io.verdict(io.run(io.client().Start(io.named<task::StartRequest>("web", "e")))); };
    CHECK(start() == "2 OCI runtime exec failed: executable file `/nonexistent` not found: No such file or directory");
    io.pump([&] { return !waited.empty(); });
    CHECK(waited == "ok");
    CHECK(io.wait("web", "e").exit_status() == 255);
    CHECK(io.wait("web", "e").exited_at().seconds() > 1700000000);
    CHECK(start() == "9 cannot start a stopped process: failed precondition");
}

TEST_CASE("Delete of a created container answers how it was killed", "[api]") {
    fixture io;
    auto pid = io.create("web", {"sleep", "1000"});
    auto deleted = io.run(io.client().Delete(io.named<task::DeleteRequest>("web")));
    REQUIRE(deleted);
    CHECK(deleted->pid() == pid);
    CHECK(deleted->exit_status() == 137);
    CHECK(deleted->exited_at().seconds() > 1700000000);
}

TEST_CASE("a Delete that failed can be repeated, one that did not cannot", "[api]") {
    fixture io;
    io.run_container("web", {"exit", "5"});
    io.wait("web");
    auto remove = [&] { return io.verdict(io.run(io.client().Delete(io.named<task::DeleteRequest>("web")))); };
    io.runtime.set_fault("delete", R"({"fault": "error", "message": "busy"})");
    CHECK(remove() == "2 failed to delete task: busy");
    CHECK(io.wait("web").exit_status() == 5);
    CHECK(remove() == "ok");
    CHECK(remove() == "5 container not created: not found");
}

TEST_CASE("a Start that failed has code 2 and the runtime's words", "[api]") {
    fixture io;
    io.create("web", {"exit", "0"});
    auto start = [&] { return io.verdict(io.run(io.client().Start(io.named<task::StartRequest>("web")))); };
    io.runtime.set_fault("start", R"({"fault": "error", "message": "no start today"})");
    CHECK(start() == "2 OCI runtime start failed: no start today");
    CHECK(start() == "ok");
}

TEST_CASE("once init is dead no exec starts", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    io.add_exec("web", "e", {"exit", "0"});
    auto kill = io.named<task::KillRequest>("web");
    kill.set_signal(SIGKILL);
    REQUIRE(io.run(io.client().Kill(kill)));
    CHECK(io.wait("web").exit_status() == 137);
    CHECK(io.verdict(io.run(io.client().Start(io.named<task::StartRequest>("web", "e")))) ==
          "9 container web init process is not running: failed precondition");
}

TEST_CASE("a failed kill has the code that tells hosts what to do", "[api]") {
    fixture io;
    io.run_container("web", {"sleep", "1000"});
    auto [text, expected] = GENERATE(table<std::string, std::string>(
        {{"os: process already finished", "5 process already finished: not found"},
         {"container not running", "5 process already finished: not found"},
         {"No Such Process", "5 process already finished: not found"},
         {"process not running: No such process", "5 process already finished: not found"},
         {"container `web` is not running", "5 process already finished: not found"},
         {"container does not exist", "5 no such container: not found"},
         {"error opening file `ROOT/web/status`: No such file or directory", "5 no such container: not found"},
         {"what now", "2 unknown error after kill: " + fake_runtime::binary() +
                          " did not terminate successfully: exit status 1: what now\n"}}));
    auto said = text;
    if (auto at = said.find("ROOT"); at != std::string::npos) said.replace(at, 4, io.runtime.root());
    io.runtime.set_fault("kill", R"({"fault": "stderr", "message": ")" + said + "\"}");
    auto kill = io.named<task::KillRequest>("web");
    kill.set_signal(SIGTERM);
    CHECK(io.verdict(io.run(io.client().Kill(kill))) == expected);
}

TEST_CASE("a signal goes to the runtime as a number, with --all if wanted", "[api]") {
    fixture io;
    io.run_container("web", {"ignore", "10", ";", "sleep", "1000"});
    auto kill = io.named<task::KillRequest>("web");
    kill.set_signal(SIGUSR1);
    io.runtime.set_fault("kill", R"({"fault": "no-effect", "times": -1})");
    REQUIRE(io.run(io.client().Kill(kill)));
    kill.set_all(true);
    REQUIRE(io.run(io.client().Kill(kill)));
    auto sent = io.runtime.calls("kill");
    CHECK(fake_runtime::words_of(sent.at(0)) == std::vector<std::string>{"kill", "web", "10"});
    CHECK(fake_runtime::words_of(sent.at(1)) == std::vector<std::string>{"kill", "--all", "web", "10"});
    kill.set_signal(65);
    CHECK(io.verdict(io.run(io.client().Kill(kill))) == "3 signal 65: invalid argument");
    CHECK(io.runtime.calls("kill").size() == 2);
}

TEST_CASE("Pids tells which pid is which exec, and nothing of the others", "[api]") {
    fixture io;
    io.run_container("web", {"grandchild", "sleep", "1000", ";", "sleep", "1000"});
    io.add_exec("web", "e", {"sleep", "1000"});
    auto exec_pid = io.start("web", "e");
    auto pids = io.run(io.client().Pids(io.named<task::PidsRequest>("web")));
    REQUIRE(pids);
    int found = 0;
    for (const auto& process : pids->processes()) {
        if (process.pid() != exec_pid) {
            CHECK_FALSE(process.has_info());
            continue;
        }
        ++found;
        CHECK(process.info().type_url() == "containerd.runc.v1.ProcessDetails");
        containerd::runc::v1::ProcessDetails details;
        REQUIRE(details.ParseFromString(process.info().value()));
        CHECK(details.exec_id() == "e");
    }
    CHECK(found == 1);
    CHECK(pids->processes_size() >= 2);
}

TEST_CASE("the runtime's warning beside Pids is not read, its failure is code 2", "[api]") {
    fixture io;
    auto pid = io.create("web", {"sleep", "1000"});
    io.runtime.set_fault("ps", R"([{"fault": "warning"}, {"fault": "null"}, {"fault": "invalid"}])");
    auto pids = io.run(io.client().Pids(io.named<task::PidsRequest>("web")));
    REQUIRE(pids);
    REQUIRE(pids->processes_size() == 1);
    CHECK(pids->processes(0).pid() == pid);
    auto none = io.run(io.client().Pids(io.named<task::PidsRequest>("web")));
    REQUIRE(none);
    CHECK(none->processes_size() == 0);
    CHECK(io.verdict(io.run(io.client().Pids(io.named<task::PidsRequest>("web")))) ==
          "2 ps: the runtime printed no list of pids");
}

TEST_CASE("without a cgroup there are no metrics", "[api]") {
    fixture io;
    io.create("web", {"sleep", "1000"});
    CHECK(io.verdict(io.run(io.client().Stats(io.named<task::StatsRequest>("web")))) ==
          "5 cgroup does not exist: not found");
}

TEST_CASE("Stats packs the metrics as containerd's type", "[api]") {
    fixture io;
    auto pid = io.create("web", {"sleep", "1000"});
    auto proc = io.runtime.path("proc/" + std::to_string(pid));
    REQUIRE(make_directories(proc, 0755));
    REQUIRE(replace_file(proc + "/cgroup", "0::/web\n", 0644));
    REQUIRE(make_directories(io.runtime.path("cgroup/web"), 0755));
    REQUIRE(replace_file(io.runtime.path("cgroup/web/cpu.stat"), "usage_usec 100\nthrottled_usec 5\n", 0644));
    REQUIRE(replace_file(io.runtime.path("cgroup/web/memory.current"), "4096\n", 0644));
    REQUIRE(replace_file(io.runtime.path("cgroup/web/pids.max"), "max\n", 0644));
    io.start("web");
    auto stats = io.run(io.client().Stats(io.named<task::StatsRequest>("web")));
    REQUIRE(stats);
    CHECK(stats->stats().type_url() == "io.containerd.cgroups.v2.Metrics");
    ::io::containerd::cgroups::v2::Metrics metrics;
    REQUIRE(metrics.ParseFromString(stats->stats().value()));
    CHECK(metrics.cpu().usage_usec() == 100);
    CHECK(metrics.cpu().throttled_usec() == 5);
    CHECK(metrics.memory().usage() == 4096);
    CHECK(metrics.pids().limit() == 18446744073709551615U);
    // Also once it has stopped, as long as the files are there.
    auto kill = io.named<task::KillRequest>("web");
    kill.set_signal(SIGKILL);
    REQUIRE(io.run(io.client().Kill(kill)));
    io.wait("web");
    CHECK(io.run(io.client().Stats(io.named<task::StatsRequest>("web"))));
}

TEST_CASE("Update takes resources whatever their type says, and tells the runtime's own words", "[api]") {
    fixture io;
    io.create("web", {"sleep", "1000"});
    auto request = io.named<task::UpdateTaskRequest>("web");
    CHECK(io.verdict(io.run(io.client().Update(request))) == "3 resources are missing: invalid argument");
    request.mutable_resources()->set_value("{");
    CHECK(io.run(io.client().Update(request)).error().kind() == errc::invalid_argument);
    request.mutable_resources()->set_value(R"({"pids":{"limit":9}})");
    (*request.mutable_annotations())["ignored"] = "yes";
    REQUIRE(io.run(io.client().Update(request)));
    CHECK(io.runtime.calls("update").at(0).at("stdin") == "{\"pids\":{\"limit\":9}}\n");
    CHECK(fake_runtime::words_of(io.runtime.calls("update").at(0)) ==
          std::vector<std::string>{"update", "--resources=-", "web"});
    io.runtime.set_fault("update", R"({"fault": "stderr", "message": "no such knob"})");
    CHECK(io.verdict(io.run(io.client().Update(request))) ==
          "2 " + fake_runtime::binary() + " did not terminate successfully: exit status 1: no such knob\n");
}

TEST_CASE("a terminal's size has 16 bits", "[api]") {
    fixture io;
    io.create("web", {"sleep", "1000"});
    auto request = io.named<task::ResizePtyRequest>("web");
    request.set_width(65536);
    request.set_height(1);
    CHECK(io.verdict(io.run(io.client().ResizePty(request))) == "3 terminal size above 65535: invalid argument");
    request.set_width(1);
    request.set_height(65536);
    CHECK(io.verdict(io.run(io.client().ResizePty(request))) == "3 terminal size above 65535: invalid argument");
    request.set_height(65535);
    CHECK(io.verdict(io.run(io.client().ResizePty(request))) == "ok");
}

TEST_CASE("CloseIO without its flag closes stdin only for a host that means it so", "[api]") {
    auto [dialect, closes] =
        GENERATE(table<host_dialect, bool>({{host_dialect::spinbox(), false}, {host_dialect::nerdbox(), true}}));
    fixture io(dialect);
    auto pair = ttrpc::connected_pair(io.ex()).value();
    REQUIRE(asio::use_service<streams::stream_service>(io.ctx).add("1", std::move(pair.first)));
    auto request = io.create_request("web", {"cat", ";", "exit", "3"});
    request.set_stdin("stream://1");
    REQUIRE(io.run(io.client().Create(request)));
    io.start("web");
    const auto& waited = io.leave(io.client().Wait(io.named<task::WaitRequest>("web")));
    REQUIRE(io.run(io.client().CloseIO(io.named<task::CloseIORequest>("web"))));
    if (!closes) {
        io.poll();
        CHECK(waited.empty());
        auto flagged = io.named<task::CloseIORequest>("web");
        flagged.set_stdin(true);
        REQUIRE(io.run(io.client().CloseIO(flagged)));
    }
    io.pump([&] { return !waited.empty(); });
    CHECK(io.wait("web").exit_status() == 3);
}
