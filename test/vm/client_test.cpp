// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <csignal>

#include "client_program.hpp"
#include "command_set.hpp"
#include "event_watch.hpp"
#include "observer.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;

// How the real client ends, with the real guest. Each wait here ends when the client does what it must; the limit of
// the whole test is for when it does not.

namespace {

std::vector<std::string> run_in_shell(const std::string& id, const std::string& script) {
    return {"run", "--rootfs", "root", id, "--", "/bin/sh", "-c", script};
}

std::string letters(std::size_t count) { return "head -c " + std::to_string(count) + " /dev/zero | tr '\\0' x"; }

bool is_gone(guest& vm, const std::string& id) {
    auto state = vm.state(id);
    return !state && state.error().kind() == errc::not_found;
}

}  // namespace

TEST_CASE("a reader that begins when the container has ended gets every byte from vminitctl", "[vm]") {
    constexpr std::size_t size = 100000;  // more than a pipe holds, less than pipe and socket
    guest vm(virtual_machine::shared_address());
    event_watch watch(vm);
    auto id = guest::fresh_id();
    client_program client(virtual_machine::shared_address(), run_in_shell(id, letters(size)));
    watch.wait_for("/tasks/exit", id, id);
    CHECK(client.rest() == std::string(size, 'x'));
    CHECK(client.wait() == 0);
    CHECK(client.complaint() == "");
    CHECK(is_gone(vm, id));
}

TEST_CASE("a reader of vminitctl that stops for a while holds its process and gets every byte", "[vm]") {
    constexpr std::size_t size = 4 << 20;
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto id = guest::fresh_id();
    client_program client(virtual_machine::shared_address(), run_in_shell(id, "exec /bin/worker pattern 4194304"));
    auto begin = client.read(1000);
    eye.wait_until("cat /proc/$(ps | grep 'worker pattern 419430[4]' | sed 's/^ *//; s/ .*//')/wchan", "pipe_write");
    CHECK(begin.size() + client.rest().size() == size);
    CHECK(client.wait() == 0);
    CHECK(is_gone(vm, id));
}

TEST_CASE("a closed stdout ends vminitctl and what it ran", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    auto id = guest::fresh_id();
    auto script = GENERATE("while :; do echo line; done", "echo line; exec sleep 100000");
    client_program client(virtual_machine::shared_address(), run_in_shell(id, script));
    CHECK(client.read(5) == "line\n");
    client.close_output();
    CHECK(client.wait() == vminitctl::exit_unread);
    CHECK(client.complaint() == "");
    CHECK(is_gone(vm, id));
    CHECK(eye.remains() == before);
}

TEST_CASE("a run that fails has its status, and frees its id and bundle", "[vm]") {
    struct failure {
        std::vector<std::string> words;
        int status;
    };
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    auto before = eye.remains();
    auto id = guest::fresh_id();
    auto failed = GENERATE(failure{{"--rootfs", "nosuch"}, vminitctl::exit_ours},
                           failure{{"--rootfs", "root", "--cwd", "/bin/sh"}, vminitctl::exit_ours});
    auto status_of = [&](std::vector<std::string> words, const std::string& command) {
        words.insert(words.begin(), "run");
        words.insert(words.end(), {id, "--", command});
        client_program client(virtual_machine::shared_address(), std::move(words));
        auto status = client.wait();
        UNSCOPED_INFO(client.complaint());
        return status;
    };
    CHECK(status_of(failed.words, "/bin/true") == failed.status);
    CHECK(eye.remains() == before);
    CHECK(status_of({"--rootfs", "root"}, "/etc") == 126);
    CHECK(eye.remains() == before);
    CHECK(status_of({"--rootfs", "root"}, "/bin/nosuch") == 127);
    CHECK(eye.remains() == before);
    CHECK(status_of({"--rootfs", "root"}, "/bin/true") == 0);
    CHECK(is_gone(vm, id));
}

TEST_CASE("TERM does nothing to an init without a handler, KILL ends it", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto id = vm.run_sleeper();
    auto kill = [&](const char* name) {
        client_program client(virtual_machine::shared_address(), {"kill", id, name});
        CHECK(client.wait() == 0);
        CHECK(client.complaint() == "");
    };
    kill("TERM");
    // The kernel has dropped it by then (signal(7)): what it had killed could not run an exec.
    CHECK(vm.run_exec(id, exec_wish("exit 4")).status == 4);
    CHECK(vm.state(id)->status() == containerd::v1::types::RUNNING);
    kill("KILL");
    CHECK(vm.wait(id)->exit_status() == 128 + SIGKILL);
    CHECK(vm.remove(id)->exit_status() == 128 + SIGKILL);
}

TEST_CASE("with --init TERM ends what has no handler, for any user, and orphans are collected", "[vm]") {
    auto script =
        "orphan=$( (true >/dev/null & echo $!) ); while [ -e /proc/$orphan ]; do :; done; "
        "cat /proc/1/comm; exec sleep 100000";
    auto words = run_in_shell(guest::fresh_id(), script);
    words.insert(words.begin() + 1, {"--init", "--read-only", "--user", "1000:1000"});
    client_program client(virtual_machine::shared_address(), std::move(words));
    CHECK(client.read(5) == "init\n");
    client.signal(SIGTERM);
    CHECK(client.wait() == 128 + SIGTERM);
    CHECK(client.complaint() == "");
}

TEST_CASE("vminitctl stop ends what hears TERM, and what does not", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto id = guest::fresh_id();
    auto is_deaf = GENERATE(false, true);
    auto script = is_deaf ? "trap '' TERM; echo up; while :; do sleep 1; done"
                          : "trap 'exit 7' TERM; echo up; while :; do sleep 1; done";
    client_program client(virtual_machine::shared_address(), run_in_shell(id, script));
    CHECK(client.read(3) == "up\n");
    // The shell hears TERM only between two sleeps.
    std::vector<std::string> words{"stop", "--json", id, "--time", is_deaf ? "0" : "100"};
    client_program stop(virtual_machine::shared_address(), std::move(words));
    auto answer = stop.rest();
    CHECK(stop.wait() == 0);
    INFO(answer);
    CHECK(answer.find(is_deaf ? "\"exit_status\":137" : "\"exit_status\":7") != std::string::npos);
    CHECK(answer.find(is_deaf ? "\"ended_by\":\"KILL\"" : "\"ended_by\":\"TERM\"") != std::string::npos);
    CHECK(client.wait() == (is_deaf ? 137 : 7));
}

TEST_CASE("run's options and a spec of one's own reach the container", "[vm]") {
    guest vm(virtual_machine::shared_address());
    temporary_directory dir;
    REQUIRE(replace_file(dir.path("spec.json"),
                         R"({"ociVersion":"1.0.2","process":{"cwd":"/","args":["/bin/false"],"user":{"uid":0,"gid":0}},
            "root":{"path":"x"},"mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
            "linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]}})",
                         0600));
    auto script =
        "echo $A; grep CapEff /proc/self/status; stat -f -c %T /t; touch /v/x 2>/dev/null || echo read-only; "
        "ulimit -S -n; ulimit -H -n";
    std::vector<std::string> words{"run",
                                   "--rootfs",
                                   "root",
                                   "--spec",
                                   dir.path("spec.json"),
                                   "-e",
                                   "A=given",
                                   "--cap-add",
                                   "net_raw",
                                   "--tmpfs",
                                   "/t:size=64k",
                                   "-v",
                                   "/run:/v:ro",
                                   "--ulimit",
                                   "nofile=100:200",
                                   guest::fresh_id(),
                                   "--",
                                   "/bin/sh",
                                   "-c",
                                   script};
    client_program client(virtual_machine::shared_address(), std::move(words));
    CHECK(client.rest() == "given\nCapEff:\t0000000000002000\ntmpfs\nread-only\n100\n200\n");
    CHECK(client.wait() == 0);
    CHECK(client.complaint() == "");
}

TEST_CASE("^C and TERM end vminitctl although PID 1 does not run any more, and ctrl-alt-del the VM", "[vm]") {
    virtual_machine machine({});
    guest vm(machine.address());
    named_stream in(vm);
    container_wish holder("read line; exec /bin/worker hold 1");
    holder.id = guest::fresh_id();
    holder.pids = vminitctl::pid_namespace::host;
    REQUIRE(vm.create(holder, stdio_uris(in.uri, "", "")));
    REQUIRE(vm.start(holder.id));
    auto script = "echo started; exec sleep 100000";
    client_program terminated(machine.address(), run_in_shell("terminated", script));
    client_program interrupted(machine.address(), run_in_shell("interrupted", script));
    client_program asking(machine.address(), {"events"});
    for (auto* client : {&terminated, &interrupted}) CHECK(client->read(8) == "started\n");
    CHECK(asking.read(1).size() == 1);

    asio::write(in.socket, asio::buffer("\n", 1));
    while (machine.console().find("worker: held") == std::string::npos) ::sched_yield();
    terminated.signal(SIGTERM);
    interrupted.signal(SIGINT);
    asking.signal(SIGINT);
    CHECK(terminated.wait() == 128 + SIGTERM);
    CHECK(interrupted.wait() == 128 + SIGINT);
    CHECK(asking.wait() == 128 + SIGINT);
    CHECK(terminated.complaint().find("terminated is left in the guest") != std::string::npos);
    CHECK(interrupted.complaint().find("interrupted is left in the guest") != std::string::npos);
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}
