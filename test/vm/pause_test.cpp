// SPDX-License-Identifier: Apache-2.0
// A guest for hosts that pause containers and want their specs kept; the shared VMs are for hosts that do not.
#include <sched.h>

#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>
#include <csignal>

#include "guest.hpp"
#include "nerdbox_checks.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

result<task::StateResponse> pause(guest& vm, const std::string& id) {
    task::PauseRequest request;
    request.set_id(id);
    if (auto paused = vm.run(vm.tasks().Pause(request, guest::limit)); !paused) return paused.error();
    return vm.state(id);
}

std::string run_paused(guest& vm) {
    auto id = vm.run_sleeper();
    auto state = pause(vm, id);
    REQUIRE(state);
    REQUIRE(state->status() == containerd::v1::types::PAUSED);
    return id;
}

exec_wish exit_with_zero() { return exec_wish(std::vector<std::string>{"/bin/true"}); }

// What may use every device runs.
void check_without_device_programs(guest& vm) {
    container_wish wish("true");
    wish.id = guest::fresh_id();
    wish.edit = [](boost::json::object& spec) {
        spec["linux"].as_object()["resources"].as_object()["devices"] =
            boost::json::parse(R"([{"allow": false, "access": "rwm"}])");
    };
    auto refused = vm.create(wish);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() ==
          "OCI runtime create failed: bpf create ``: Invalid argument (the container's devices are confined, for which "
          "the "
          "kernel needs CONFIG_CGROUP_BPF)");
}

void check_pauses(guest& vm) {
    auto id = vm.run_sleeper();
    REQUIRE(vm.exec(id, "early", exit_with_zero()));
    REQUIRE(vm.exec(id, "later", exit_with_zero()));
    REQUIRE(pause(vm, id));
    auto late = vm.exec(id, "late", exit_with_zero());
    REQUIRE_FALSE(late);
    CHECK(contains(late.error().message(), "cannot exec in a paused state"));
    // Added before, it is refused all the same, at once, and can be deleted.
    auto started = vm.start(id, "early");
    REQUIRE_FALSE(started);
    CAPTURE(started.error().message());
    CHECK(contains(started.error().message(), "paused"));
    CHECK(vm.remove(id, "early"));
    CHECK(contains(vm.remove(id).error().message(), "cannot delete a paused process"));
    CHECK(vm.kill(id, SIGTERM));
    CHECK(vm.state(id)->status() == containerd::v1::types::PAUSED);

    task::ResumeRequest resume;
    resume.set_id(id);
    REQUIRE(vm.run(vm.tasks().Resume(resume, guest::limit)));
    REQUIRE(vm.start(id, "later"));
    CHECK(vm.wait(id, "later")->exit_status() == 0);
    CHECK(vm.remove(id, "later"));

    REQUIRE(pause(vm, id));
    vm.kill_and_remove(id);
}

}  // namespace

TEST_CASE("nerdbox's host mounts, copies and pauses, and what is paused does not hold up a halt", "[vm]") {
    temporary_directory directory;
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd", {"-o", initrd, "--add", VMINIT_VM_INIT ":/vminitd", VMINIT_WITHOUT_BPF});
    virtual_machine machine({"--initrd", initrd, "--args", "-host-dialect=nerdbox -power-off=halt"});
    guest vm(machine.address());
    check_without_device_programs(vm);
    check_host_services(vm);
    check_pauses(vm);

    // The processor is halted and the VM stays, which is what was asked for.
    run_paused(vm);
    machine.press_ctrl_alt_del();
    while (!contains(machine.console(), "reboot: System halted")) ::sched_yield();
    CHECK(contains(qmp(machine.directory(), "query-status"), "running"));
    machine.check_no_panic();
}
