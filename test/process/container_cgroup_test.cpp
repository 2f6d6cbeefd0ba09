// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <new>

#include "process/failing_call.hpp"
#include "process/fake_cgroup.hpp"
#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

/// A machine whose /proc and cgroupfs the test writes.
class cgroup_fixture : public process_fixture {
public:
    explicit cgroup_fixture(fake_cgroup& machine) : process_fixture(options_for(machine)), machine(machine) {
        machine.write("cgroup.controllers", "cpu memory\n");
        machine.write("cgroup.subtree_control", "");
        machine.write("web/cgroup.events", "populated 1\n");
        machine.write("web/cgroup.kill", "");
        set_oom_kills(0);
    }

    static process_options options_for(const fake_cgroup& machine) {
        process_options options;
        options.config.cgroup_root = machine.path();
        options.config.proc = machine.path("proc");
        return options;
    }

    void put_into_cgroup(std::uint32_t pid) { machine.write("proc/" + std::to_string(pid) + "/cgroup", "0::/web\n"); }
    void set_oom_kills(int count) {
        machine.write("web/memory.events", "low 0\nhigh 0\nmax 9\noom 9\noom_kill " + std::to_string(count) + "\n");
    }

    /// A created container with its cgroup known from the start on, as where it was not there yet at create.
    std::uint32_t create_web(const std::vector<std::string>& payload = {"sleep", "1000"}) {
        auto pid = create("web", payload).value();
        put_into_cgroup(pid);
        return pid;
    }

    fake_cgroup& machine;
};

}  // namespace

TEST_CASE("an OOM kill is told before the exit it caused, also when nobody was notified", "[process]") {
    fake_cgroup machine;
    cgroup_fixture fixture(machine);
    fixture.create_web();
    REQUIRE(fixture.start("web"));
    fixture.set_oom_kills(2);
    REQUIRE(fixture.kill("web", "", SIGKILL));
    REQUIRE(fixture.wait("web"));
    CHECK(fixture.heard == lines{"/tasks/create web", "/tasks/start web", "/tasks/oom", "/tasks/exit web 137"});
    fixture.set_oom_kills(3);
    fixture.poll();
    CHECK(fixture.heard.back() == "/tasks/exit web 137");
}

TEST_CASE("an OOM kill that cannot be told keeps no exit back", "[process]") {
    fake_cgroup machine;
    cgroup_fixture fixture(machine);
    fixture.create_web();
    REQUIRE(fixture.start("web"));
    // What the kernel tells is not heard of any more, so that init's end has to be where it comes out.
    {
        failing_call broken("read", EIO, 1);
        fixture.set_oom_kills(0);
        fixture.pump([&] { return fixture.has_line("inotify failed"); });
    }
    fixture.set_oom_kills(1);
    fixture.log().set_sink([&](log_level, std::string_view line) {
        if (line.find("processes killed for want of memory") != line.npos) throw std::bad_alloc();
        fixture.lines.emplace_back(line);
    });
    REQUIRE(fixture.kill("web", "", SIGKILL));
    CHECK(fixture.wait("web").value().status == 137);
    CHECK(fixture.has_line("kills for want of memory may not be told id=web error=\"no memory"));
    CHECK(fixture.heard.back() == "/tasks/exit web 137");
}

TEST_CASE("the cgroup is found at create, while init waits in the runtime", "[process]") {
    fake_cgroup machine;
    cgroup_fixture fixture(machine);
    auto gate = fixture.fake.path("gate");
    REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
    fixture.fake.set_fault("create", R"({"fault": "await-after-pid-file", "await": ")" + gate + "\"}");
    std::optional<result<std::uint32_t>> created;
    auto note = [](process_fixture& from, std::optional<result<std::uint32_t>>& outcome) -> awaitable<void> {
        auto request = from.request("web", {"sleep", "1000"});
        auto answer = co_await from.processes.create(std::move(request));
        outcome.emplace(std::move(answer));
    };
    fixture.tasks->spawn("create", note(fixture, created));
    auto pid = std::stoul(fixture.fake.await_file(fixture, "launched"));
    fixture.put_into_cgroup(static_cast<std::uint32_t>(pid));
    machine.write("web/cpu.stat", "usage_usec 77\n");
    {
        auto opened = syscalls::open(gate, O_WRONLY).value();
    }
    fixture.pump([&] { return created.has_value(); });
    REQUIRE(*created);
    auto metrics = fixture.run(fixture.processes.stats("web"));
    REQUIRE(metrics);
    CHECK(metrics->cpu.usage_usec == 77);
    // Also what happened before the watch was there.
    fixture.set_oom_kills(1);
    fixture.await_event("/tasks/oom");
}

TEST_CASE("at Start the controllers are enabled above the container, and its cgroup is looked for again", "[process]") {
    fake_cgroup machine;
    cgroup_fixture fixture(machine);
    fixture.create_web();
    CHECK(fixture.run(fixture.processes.stats("web")).error().message() == "cgroup does not exist: not found");
    CHECK(fixture.processes.cgroup_path("web").error().message() == "container web has no cgroup: failed precondition");
    REQUIRE(fixture.start("web"));
    CHECK(fixture.processes.cgroup_path("web").value() == machine.path("web"));
    CHECK(fixture.processes.cgroup_path("none").error().kind() == errc::not_found);
    CHECK(machine.read("cgroup.subtree_control") == "+cpu +memory");
    CHECK(fixture.run(fixture.processes.stats("web")));
}

TEST_CASE("Pids come from the cgroup, without a runtime", "[process]") {
    fake_cgroup machine;
    cgroup_fixture fixture(machine);
    auto init_pid = fixture.create_web();
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    auto exec_pid = fixture.start("web", "e").value();
    machine.write("web/cgroup.procs", std::to_string(init_pid) + "\n99\n");
    machine.write("web/below/cgroup.procs", std::to_string(exec_pid) + "\n");
    auto pids = fixture.run(fixture.processes.pids("web")).value();
    CHECK(pids.size() == 3);
    CHECK(std::count(pids.begin(), pids.end(), process_info(init_pid, "")) == 1);
    CHECK(std::count(pids.begin(), pids.end(), process_info(exec_pid, "e")) == 1);
    CHECK(std::count(pids.begin(), pids.end(), process_info(99, "")) == 1);
    CHECK(fixture.fake.calls("ps").empty());
}

TEST_CASE("when init has died the kernel kills the rest, and init's exit waits for it", "[process]") {
    fake_cgroup machine;
    cgroup_fixture fixture(machine);
    fixture.create_web();
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}));
    REQUIRE(fixture.start("web", "e"));
    REQUIRE(fixture.kill("web", "", SIGKILL));
    fixture.pump([&] { return machine.read("web/cgroup.kill") == "1"; });
    CHECK(fixture.fake.calls("kill").size() == 1);
    // This kernel does not really kill: the exec lives, and nothing is told.
    fixture.poll();
    CHECK(fixture.heard.back() == "/tasks/exec-started e");
    CHECK(fixture.status("web") == process_status::running);
    REQUIRE(fixture.kill("web", "e", SIGTERM));
    REQUIRE(fixture.wait("web"));
    auto count = fixture.heard.size();
    CHECK(fixture.heard.at(count - 2) == "/tasks/exit e 143");
    CHECK(fixture.heard.at(count - 1) == "/tasks/exit web 137");
}

TEST_CASE("a dead init's number names nobody's cgroup, whoever has it by now", "[process]") {
    fake_cgroup machine;
    cgroup_fixture fixture(machine);
    auto gate = fixture.fake.path("gate");
    REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
    auto pid = fixture.create("web", {"sleep", "1000"}).value();
    // Its end is not told yet: what is left of it is being killed.
    fixture.fake.set_fault("kill", R"({"fault": "await-then-silent", "await": ")" + gate + "\"}");
    REQUIRE(::kill(static_cast<pid_t>(pid), SIGKILL) == 0);
    (void)fixture.fake.await_file(fixture, "waiting");
    fixture.put_into_cgroup(pid);
    CHECK_FALSE(fixture.start("web"));
    CHECK(fixture.run(fixture.processes.stats("web")).error().message() == "cgroup does not exist: not found");
    {
        auto opened = syscalls::open(gate, O_WRONLY).value();
    }
    CHECK(fixture.wait("web").value().status == 137);
    fixture.run(fixture.processes.kill_all(std::chrono::seconds(10)));
    CHECK(machine.read("web/cgroup.kill").empty());
}
