// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/asio/read.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>

#include "event_watch.hpp"
#include "observer.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

constexpr std::uint64_t mib = 1 << 20;

std::vector<std::string> eater(std::uint64_t bytes) { return {"/bin/worker", "eat", std::to_string(bytes)}; }

/// A file of the container's cgroup, as the container itself sees it.
std::string cgroup_file(guest& vm, const std::string& id, const std::string& name) {
    auto outcome = vm.run_exec(id, exec_wish(("cat /sys/fs/cgroup/default/" + id + "/" + name).c_str()));
    CAPTURE(name, outcome.err);
    CHECK(outcome.status == 0);
    return outcome.out;
}

}  // namespace

TEST_CASE("an init that the kernel kills for its memory limit: one TaskOOM, then its exit", "[vm]") {
    guest vm(virtual_machine::shared_address());
    event_watch watch(vm);
    container_wish wish(eater(256 * mib));
    wish.id = guest::fresh_id();
    wish.resources.memory = 24 * mib;
    REQUIRE(vm.create(wish));
    REQUIRE(vm.start(wish.id));
    CHECK(vm.wait(wish.id)->exit_status() == 137);
    CHECK(watch.wait_for("/tasks/exit", wish.id, wish.id).status == 137);
    CHECK(vm.remove(wish.id)->exit_status() == 137);
    CHECK(watch.topics_of(wish.id) ==
          std::vector<std::string>{"/tasks/create", "/tasks/start", "/tasks/oom", "/tasks/exit"});
}

TEST_CASE("an exec that the kernel kills for the memory limit: TaskOOM, and its init lives on", "[vm]") {
    guest vm(virtual_machine::shared_address());
    event_watch watch(vm);
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    wish.resources.memory = 24 * mib;
    REQUIRE(vm.create(wish));
    REQUIRE(vm.start(wish.id));
    REQUIRE(vm.exec(wish.id, "eater", exec_wish(eater(256 * mib))));
    REQUIRE(vm.start(wish.id, "eater"));
    CHECK(vm.wait(wish.id, "eater")->exit_status() == 137);
    CHECK(watch.wait_for("/tasks/oom", wish.id, wish.id).container == wish.id);
    CHECK(vm.remove(wish.id, "eater")->exit_status() == 137);
    CHECK(vm.state(wish.id)->status() == containerd::v1::types::RUNNING);
    vm.kill_and_remove(wish.id);
    watch.wait_for("/tasks/exit", wish.id, wish.id);
    auto topics = watch.topics_of(wish.id);
    CHECK(std::count(topics.begin(), topics.end(), "/tasks/oom") == 1);
}

TEST_CASE("limits are in the container's cgroup, Update changes them and Stats tells the use", "[vm]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish(eater(16 * mib));
    wish.id = guest::fresh_id();
    wish.resources.memory = 128 * mib;
    wish.resources.cpu_thousandths = 1500;
    wish.resources.pids = 77;
    named_stream out(vm);
    REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
    REQUIRE(vm.start(wish.id));
    std::string full(5, '\0');
    CHECK(vm.run(asio::async_read(out.socket, asio::buffer(full), use_awaitable)) == 5);
    CHECK(cgroup_file(vm, wish.id, "memory.max") == std::to_string(128 * mib) + "\n");
    CHECK(cgroup_file(vm, wish.id, "cpu.max") == "150000 100000\n");
    CHECK(cgroup_file(vm, wish.id, "pids.max") == "77\n");

    vminitctl::resource_options changed;
    changed.memory = 200 * mib;
    changed.cpu_thousandths = 500;
    changed.pids = 33;
    REQUIRE(vm.run(vm.calls().update(wish.id, changed)));
    CHECK(cgroup_file(vm, wish.id, "memory.max") == std::to_string(200 * mib) + "\n");
    CHECK(cgroup_file(vm, wish.id, "cpu.max") == "50000 100000\n");
    CHECK(cgroup_file(vm, wish.id, "pids.max") == "33\n");

    auto stats = vm.run(vm.calls().stats(wish.id));
    REQUIRE(stats);
    CHECK(stats->pids().current() == 1);
    CHECK(stats->pids().limit() == 33);
    CHECK(stats->memory().usage_limit() == 200 * mib);
    CHECK(stats->memory().usage() > 16 * mib);
    CHECK(stats->memory().anon() >= 16 * mib);
    CHECK(stats->memory().usage() < 200 * mib);
    CHECK(stats->cpu().usage_usec() > 0);
    vm.kill_and_remove(wish.id);
}

TEST_CASE("the limit of processes holds", "[vm]") {
    guest vm(virtual_machine::shared_address());
    container_wish wish("for i in 1 2 3 4 5 6 7 8 9; do sleep 100000 & done; echo all started");
    wish.resources.pids = 5;
    auto outcome = vm.run_container(wish);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("can't fork") != std::string::npos);
}

TEST_CASE("a small guest runs containers, several at a time", "[vm]") {
    // A distribution's kernel and what unpacks its initrd need more.
    const char* kernel = std::getenv("VMINIT_KERNEL");
    bool is_minimal = kernel != nullptr && std::string(kernel) == "minimal";
    virtual_machine machine({"--memory", is_minimal ? "64M" : "96M"});
    guest vm(machine.address());
    container_wish sleeper("exec sleep 1000");
    sleeper.id = guest::fresh_id();
    REQUIRE(vm.create(sleeper));
    REQUIRE(vm.start(sleeper.id));
    CHECK(vm.run_container(container_wish("echo small")).out == "small\n");
    CHECK(vm.run_exec(sleeper.id, exec_wish("echo beside")).out == "beside\n");
    // What is too large for the VM ends by itself or by the kernel, and nothing else does.
    CHECK(vm.run_container(container_wish(eater(80 * mib))).status != 0);
    CHECK(vm.run_exec(sleeper.id, exec_wish("echo still")).out == "still\n");
    machine.check_no_panic();
}
