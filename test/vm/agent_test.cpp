// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "guest.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace wire = spinbox::services::vmevents::v1;
using event_stream = ttrpc::duplex_stream<wire::StreamRequest, containerd::types::Envelope>;

/// Topics of the agent's events, until it was started for the third time.
awaitable<std::vector<std::string>> topics_until_third_start(event_stream& stream) {
    constexpr std::string_view prefix = "/vminit/supervisor/";
    std::vector<std::string> topics;
    for (int starts = 0; starts < 3;) {
        auto event = co_await stream.read();
        if (!event || !*event) co_return topics;
        if (!(*event)->topic().starts_with(prefix)) continue;
        topics.push_back((*event)->topic().substr(prefix.size()));
        if (topics.back() == "started") ++starts;
    }
    co_return topics;
}

/// The pid in the pid file, once the agent has said so many times who it is and has put up its trap for SIGTERM.
std::string pid_of_agent(guest& vm, int starts) {
    auto pid = vm.look_inside("cd /proc/1/root; until [ \"$(grep -c ^uid var/log/spin-supervisor.log)\" = " +
                              std::to_string(starts) + R"( ] &&
        grep -q '^SigCgt:.*[4567cdef]...$' /proc/$(cat run/spin-supervisor.pid)/status; do :; done
        cat run/spin-supervisor.pid)");
    auto agent = vm.agent_status();
    CHECK(agent.state() == supervisor::v1::ServiceStatus::RUNNING);
    CHECK(pid == std::to_string(agent.pid()) + "\n");
    return std::to_string(agent.pid());
}

std::string look_at_agent(guest& vm, const std::string& pid) {
    return vm.look_inside(
        R"(cd /proc/1/root; stat -c '%u %a' run/spin-supervisor.pid var/log/spin-supervisor.log
        awk '/^(Uid|Gid|Groups):/ { print $1, $2, $3, $4, $5 }' /proc/)" +
        pid + "/status; cat /proc/" + pid + "/cgroup /sys/fs/cgroup/spin-supervisor/memory.max");
}

constexpr const char* agent_of_1234 =
    "0 644\n0 640\nUid: 1234 1234 1234 1234\nGid: 1234 1234 1234 1234\nGroups:    \n0::/spin-supervisor\n67108864\n";

}  // namespace

TEST_CASE("an agent that crashes is started again, with events, pid file, log and cgroup", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    auto client = vm.connect();
    vminitctl::events_client events(client);
    auto stream = events.Stream();
    REQUIRE(stream);
    REQUIRE(vm.run(stream->write(wire::StreamRequest())));
    CHECK(vm.run(topics_until_third_start(*stream)) ==
          std::vector<std::string>{"started", "exited", "restarting", "started", "exited", "restarting", "started"});
    client.close();
    vm.run(client.join());

    auto seen = vm.look_inside(R"(cd /proc/1/root; until [ -e run/spin-supervisor.pid ]; do :; done
        pid=$(cat run/spin-supervisor.pid); stat -c %a run/spin-supervisor.pid
        until grep -q 'run 3' var/log/spin-supervisor.log; do :; done; cat var/log/spin-supervisor.log
        tr '\0' '\n' </proc/$pid/environ; tr '\0' ' ' </proc/$pid/cmdline; echo
        cat /proc/$pid/oom_score_adj; awk '{ print $6 == $1 }' /proc/$pid/stat; cat /proc/$pid/cgroup
        cat /sys/fs/cgroup/spin-supervisor/memory.max
        echo $(ps | grep -c '[s]leep 2000'))");
    // The last line: none is left of those that the two crashed runs had left behind.
    CHECK(seen ==
          "644\nrun 1\nrun 2\nrun 3\n"
          "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
          "/run/spin-stack/busybox sh /run/spin-stack/spin-supervisor \n"
          "0\n1\n0::/spin-supervisor\n67108864\n0\n");
}

TEST_CASE("the agent runs as the user it is configured for, and so it does when it is restarted", "[vm]") {
    temporary_directory directory;
    auto extras = directory.path("extras");
    run_vm_script("make-extras", {"-o", extras, "speaker"});
    // A flag that cannot be used leaves the word to count.
    virtual_machine machine({"--disk", extras + ":extras:ro", "--append",
                             "spin.extras_disk=1 vminit.supervisor.uid=1234", "--args",
                             "-supervisor.uid=nobody -supervisor.memory=64"});
    guest vm(machine.address());
    CHECK(machine.shows(R"(\"nobody\" is not a number from 0 to 4294967294)"));
    auto first = pid_of_agent(vm, 1);
    CHECK(look_at_agent(vm, first) == agent_of_1234);
    supervisor::v1::RestartRequest request;
    request.set_name("spin-supervisor");
    CHECK(vm.run(vm.supervisor().Restart(request, guest::limit)));
    auto second = pid_of_agent(vm, 2);
    CHECK(second != first);
    CHECK(look_at_agent(vm, second) == agent_of_1234);
    std::string who = "uid 1234 gid 1234 groups 1234\n";
    CHECK(vm.look_inside("cat /proc/1/root/var/log/spin-supervisor.log") == who + "terminated\n" + who);
}
