// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "supervised_fixture.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::supervisor;
using namespace std::chrono_literals;
using state = supervised_state;

namespace {

const std::string name = "spin-supervisor";
const std::string first_binary = "/run/spin-stack/spin-supervisor";
const std::string second_binary = "/var/lib/spin-stack/bin/spin-supervisor";
const std::string pid_file = "/run/spin-supervisor.pid";
const std::string log_file = "/var/log/spin-supervisor.log";
const std::string cgroup = "/sys/fs/cgroup/spin-supervisor";

// The supervisor agent with its own paths.
class agent_fixture : public test::supervised_fixture {
public:
    agent_fixture() { REQUIRE(make_directories(root.path("run"), 0755)); }

    void add_agent(start_trigger trigger = start_trigger::extras) { add(spin_supervisor_spec(trigger)); }

    // Starts it at once, whatever its trigger.
    void start(service_spec spec) {
        add(std::move(spec));
        services.extras_ready();
        await(state::running, name);
    }

    supervised_status agent() { return status(name); }

    // A directory with the files of a cgroup, as far as they are used.
    void make_cgroup2() {
        write("/sys/fs/cgroup/cgroup.controllers", "memory");
        for (auto file : {"/cgroup.procs", "/cgroup.kill", "/memory.max"}) write(cgroup + file, "");
    }
};

}  // namespace

TEST_CASE_METHOD(agent_fixture, "without a word about the extras the agent starts two seconds after boot",
                 "[supervisor]") {
    script(first_binary, "exec sleep 1000");
    add_agent();
    poll();
    advance(2s - 1ns);
    CHECK(agent().state == state::waiting);
    advance(1ns);
    await(state::running, name);
    CHECK(agent().binary == first_binary);
    stop();
}

TEST_CASE_METHOD(agent_fixture, "extracted extras end the wait", "[supervisor]") {
    add_agent();
    poll();
    script(second_binary, "exec sleep 1000");
    services.extras_ready();
    poll();
    await(state::running, name);
    CHECK(agent().binary == second_binary);
    stop();
}

TEST_CASE_METHOD(agent_fixture, "an agent added after the extras starts at once", "[supervisor]") {
    script(first_binary, "exec sleep 1000");
    services.extras_ready();
    add_agent();
    poll();
    await(state::running, name);
    stop();
}

TEST_CASE_METHOD(agent_fixture, "without a binary the agent is skipped silently", "[supervisor]") {
    add_agent();
    SECTION("after the extras") { services.extras_ready(); }
    SECTION("after two seconds") {
        poll();
        time.advance(2s);
    }
    SECTION("a directory of its name is none") {
        REQUIRE(make_directories(root.path() + first_binary, 0755));
        services.extras_ready();
    }
    poll();
    CHECK(agent().state == state::absent);
    CHECK(agent().binary.empty());
    std::vector<std::string> silent{"debug service absent service=spin-supervisor"};
    CHECK(lines == silent);
    CHECK(events.empty());
    CHECK_FALSE(exists(log_file));
}

TEST_CASE_METHOD(agent_fixture, "extras that take longer than two seconds are not too late", "[supervisor]") {
    add_agent();
    poll();
    advance(2s);
    CHECK(agent().state == state::absent);
    script(first_binary, "exec sleep 1000");
    services.extras_ready();
    poll();
    await(state::running, name);
    stop();
}

TEST_CASE_METHOD(agent_fixture, "the seed's location of the binary is preferred", "[supervisor]") {
    script(first_binary, "echo first; exec sleep 1000");
    script(second_binary, "echo second; exec sleep 1000");
    start(spin_supervisor_spec());
    await_file(log_file, "first\n");
    CHECK(mode_of(first_binary) == 0755);
    CHECK(mode_of(second_binary) == 0644);
    stop();
}

namespace {

std::thread::id loop_thread;
std::atomic<int> chmods_in_jobs = 0;

int note_chmod(std::string_view called) {
    if (called == "chmod" && std::this_thread::get_id() != loop_thread) ++chmods_in_jobs;
    return 0;
}

}  // namespace

TEST_CASE_METHOD(agent_fixture, "a binary on a disk gets its mode off the loop", "[supervisor]") {
    script(first_binary, "exec sleep 1000");
    loop_thread = std::this_thread::get_id();
    chmods_in_jobs = 0;
    syscalls::set_fault_hook(note_chmod);
    start(spin_supervisor_spec());
    syscalls::set_fault_hook(nullptr);
    CHECK(chmods_in_jobs == 1);
    stop();
}

TEST_CASE_METHOD(agent_fixture, "the pid file holds the pid while the agent runs", "[supervisor]") {
    script(first_binary, "exec sleep 1000");
    start(spin_supervisor_spec());
    CHECK(contents(pid_file) == std::to_string(agent().pid) + "\n");
    CHECK(mode_of(pid_file) == 0644);
    auto first = agent().pid;
    SECTION("it goes with a crash and comes with the next start") {
        REQUIRE(::kill(first, SIGKILL) == 0);
        await(state::backing_off, name);
        CHECK_FALSE(exists(pid_file));
        advance(1s);
        CHECK(contents(pid_file) == std::to_string(agent().pid) + "\n");
        CHECK(agent().pid != first);
    }
    stop();
    CHECK_FALSE(exists(pid_file));
}

TEST_CASE_METHOD(agent_fixture, "a pid file that cannot be written is no reason not to run", "[supervisor]") {
    script(first_binary, "exec sleep 1000");
    REQUIRE(make_directories(root.path() + pid_file, 0755));
    start(spin_supervisor_spec());
    CHECK(has_line("warn  service has no pid file service=spin-supervisor error="));
    stop();
}

TEST_CASE_METHOD(agent_fixture, "the log file takes stdout and stderr of all runs, stdin is empty", "[supervisor]") {
    script(first_binary, "echo out; echo err >&2; read line || echo no input; exit 1");
    add_agent();
    services.extras_ready();
    await(state::backing_off, name);
    advance(1s);
    await(state::backing_off, name);
    stop();
    CHECK(contents(log_file) == "out\nerr\nno input\nout\nerr\nno input\n");
    CHECK(agent().output_dropped == 0);
}

TEST_CASE_METHOD(agent_fixture, "the log file is rotated at its limit", "[supervisor]") {
    script(first_binary, "echo new; exec sleep 1000");
    auto spec = spin_supervisor_spec();
    std::string old(spec.log_limit - 3, 'x');
    write(log_file, old);
    start(spec);
    await_file(log_file, "new\n");
    CHECK(contents(log_file + ".1") == old);
    stop();
}

TEST_CASE_METHOD(agent_fixture, "the environment is PATH and what is configured", "[supervisor]") {
    script(first_binary, "cat /proc/$$/environ; exec sleep 1000");
    auto path = "PATH=" + std::string(default_path) + '\0';
    SECTION("nothing configured") {
        start(spin_supervisor_spec());
        await_file(log_file, path);
    }
    SECTION("two variables") {
        auto spec = spin_supervisor_spec();
        spec.environment = {"A=1", "B="};
        start(spec);
        await_file(log_file, path + std::string("A=1\0B=\0", 7));
    }
    stop();
}

TEST_CASE_METHOD(agent_fixture, "arguments follow the binary's path, it runs in /", "[supervisor]") {
    script(first_binary, "echo \"$0\" \"$@\"; pwd; exec sleep 1000");
    auto spec = spin_supervisor_spec();
    spec.arguments = {"-v", "two words"};
    start(spec);
    await_file(log_file, root.path() + first_binary + " -v two words\n/\n");
    stop();
}

TEST_CASE_METHOD(agent_fixture, "started with the rootfs the agent waits for the first and learns its path",
                 "[supervisor]") {
    script(first_binary, "echo \"$SPINBOX_OVERLAY_ROOT\"; exit 1");
    add_agent(start_trigger::rootfs);
    services.extras_ready();
    advance(1h);
    CHECK(agent().state == state::waiting);
    services.rootfs_ready("/run/bundles/a/rootfs");
    services.rootfs_ready("/run/bundles/b/rootfs");
    await(state::backing_off, name);
    services.rootfs_ready("/run/bundles/c/rootfs");
    poll();
    CHECK(agent().starts == 1);
    advance(1s);
    await(state::backing_off, name);
    stop();
    CHECK(contents(log_file) == "/run/bundles/a/rootfs\n/run/bundles/a/rootfs\n");
}

TEST_CASE_METHOD(agent_fixture, "without a binary at the first rootfs the agent is looked up at the next",
                 "[supervisor]") {
    services.rootfs_ready("/run/bundles/a/rootfs");
    add_agent(start_trigger::rootfs);
    poll();
    CHECK(agent().state == state::absent);
    script(first_binary, "echo \"$SPINBOX_OVERLAY_ROOT\"; exec sleep 1000");
    services.rootfs_ready("/run/bundles/b/rootfs");
    await(state::running, name);
    await_file(log_file, "/run/bundles/b/rootfs\n");
    stop();
}

TEST_CASE_METHOD(agent_fixture, "the agent enters its own cgroup with its memory limit", "[supervisor][vfork]") {
    script(first_binary, "exec sleep 1000");
    make_cgroup2();
    auto spec = spin_supervisor_spec();
    spec.memory_limit = 64u << 20;
    start(spec);
    // The child itself writes 0, which means "me" (cgroups(7)).
    CHECK(contents(cgroup + "/cgroup.procs") == "0");
    CHECK(contents(cgroup + "/memory.max") == "67108864");
    CHECK(contents(cgroup + "/cgroup.kill").empty());
    stop();
    CHECK(contents(cgroup + "/cgroup.kill") == "1");
    CHECK_FALSE(has_line("warn"));
}

TEST_CASE_METHOD(agent_fixture, "what a crashed agent has left in its cgroup is killed before the next start, and when given up",
                 "[supervisor]") {
    script(first_binary, "exit 3");
    make_cgroup2();
    auto spec = spin_supervisor_spec();
    spec.limits.max_restarts = GENERATE(0u, 1u);
    add(spec);
    services.extras_ready();
    await(spec.limits.max_restarts == 0 ? state::gave_up : state::backing_off, name);
    CHECK(contents(cgroup + "/cgroup.kill") == "1");
    CHECK(agent().starts == 1);
    CHECK_FALSE(has_line("left processes behind"));
    stop();
}

TEST_CASE_METHOD(agent_fixture, "without cgroup.kill each process is killed by itself", "[supervisor]") {
    make_cgroup2();
    REQUIRE(::unlink(root.path(cgroup + "/cgroup.kill").c_str()) == 0);
    // It writes what the kernel would say: 0 is a process of another pid namespace, and would be our own group.
    script(first_binary, "sleep 1000 >/dev/null 2>&1 & echo $! >$0.left; printf '0\\n1\\nx\\n%s\\n' $! >" +
                             root.path(cgroup + "/cgroup.procs") + "; exit 3");
    add(spin_supervisor_spec());
    services.extras_ready();
    await(state::backing_off, name);
    auto pid = std::stoi(contents(first_binary + ".left"));
    // An orphan of ours is reaped by whoever adopts it: it is gone, or a zombie.
    auto status = [&] { return read_file("/proc/" + std::to_string(pid) + "/stat"); };
    while (auto text = status()) {
        if (text->find(") Z ") != std::string::npos) break;
    }
    stop();
}

TEST_CASE_METHOD(agent_fixture, "processes that do not die delay the next start by a bounded time, and are told",
                 "[supervisor]") {
    script(first_binary, "exit 3");
    make_cgroup2();
    write(cgroup + "/cgroup.events", "populated 1\nfrozen 0\n");
    add(spin_supervisor_spec());
    services.extras_ready();
    pump([&] { return contents(cgroup + "/cgroup.kill") == "1"; });
    while (agent().state == state::running) {
        time.advance(10ms);
        poll();
    }
    CHECK(agent().state == state::backing_off);
    CHECK(has_line("warn  service left processes behind service=spin-supervisor"));
    stop();
}

TEST_CASE_METHOD(agent_fixture, "what of the cgroup cannot be had is told, and the agent runs without",
                 "[supervisor][vfork]") {
    script(first_binary, "exec sleep 1000");
    auto spec = spin_supervisor_spec();
    spec.memory_limit = 1u << 20;
    std::string warning;
    SECTION("no memory controller") {
        write("/sys/fs/cgroup/cgroup.controllers", "cpu");
        write(cgroup + "/cgroup.procs", "");
        start(spec);
        CHECK(has_line("warn  service has no memory limit service=spin-supervisor error=\"open " + root.path() +
                       cgroup + "/memory.max: No such file or directory\""));
        CHECK(contents(cgroup + "/cgroup.procs") == "0");
    }
    SECTION("the directory cannot be made") {
        write("/sys/fs/cgroup/cgroup.controllers", "memory");
        write(cgroup, "a file");
        start(spec);
        CHECK(has_line("warn  service has no cgroup service=spin-supervisor error=\"mkdir " + root.path() + cgroup));
    }
    SECTION("it cannot be entered, and goes in the end") {
        write("/sys/fs/cgroup/cgroup.controllers", "");
        start(spec);
        CHECK(has_line("warn  service has no cgroup service=spin-supervisor error=\"fork/exec "));
        CHECK(exists(cgroup));
        stop();
        CHECK_FALSE(exists(cgroup));
    }
    SECTION("there is no cgroup2") {
        REQUIRE(make_directories(root.path("sys/fs/cgroup/memory"), 0755));
        start(spec);
        CHECK_FALSE(has_line("warn"));
        CHECK_FALSE(exists(cgroup));
    }
    stop();
    CHECK(agent().starts == 1);
}

TEST_CASE_METHOD(agent_fixture, "the agent runs as the user it is configured for, or not at all", "[supervisor]") {
    REQUIRE(::chmod(root.path().c_str(), 0755) == 0);
    script(first_binary, "id -u; id -g; exec sleep 1000");
    auto spec = spin_supervisor_spec();
    spec.uid = 65534;
    spec.gid = 65533;
    add(spec);
    services.extras_ready();
    poll();
    if (::geteuid() == 0) {
        await_file(log_file, "65534\n65533\n");
        stop();
    } else {
        CHECK(agent().state == state::backing_off);
        CHECK(agent().last_failure.ends_with(": Operation not permitted"));
    }
}
