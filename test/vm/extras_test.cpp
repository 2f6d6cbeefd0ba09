// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "guest.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace wire = containerd::vminitd::services::system::v1;
using agent_state = vminit::supervisor::v1::ServiceStatus;

/// Options for a boot with an extras disk of that kind (test/vm/make-extras).
std::vector<std::string> with_extras(const temporary_directory& directory, const std::string& kind) {
    auto extras = directory.path("extras");
    run_vm_script("make-extras", {"-o", extras, kind});
    return {"--disk", extras + ":extras:ro", "--append", "spin.extras_disk=1"};
}

/// The same with an earlier init, which leaves a marker in the directory that it has mounted for the extras.
std::vector<std::string> with_marker(const temporary_directory& directory) {
    auto options = with_extras(directory, "speaker");
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd", {"-o", initrd, "--add", VMINIT_VM_INIT ":/vminitd", VMINIT_EARLIER_INIT});
    options.insert(options.end(), {"--initrd", initrd});
    return options;
}

std::string extras_files(guest& vm) {
    return vm.look_inside("cd /proc/1/root/run/spin-stack && ls -A && cat .extras-extracted");
}

}  // namespace

TEST_CASE("of an extras disk that ends too early what came whole is there, and no half agent runs", "[vm]") {
    temporary_directory directory;
    virtual_machine machine(with_extras(directory, "truncated"));
    guest vm(machine.address());
    auto step = vm.boot_step("extras-extract");
    CHECK(step.outcome() == wire::BootStep_Outcome_FAILED);
    CHECK(step.text() == "extract /run/spin-stack/spin-supervisor: tar on /dev/vdb: Truncated tar archive: data loss");
    CHECK(machine.shows(R"("msg":"extras not extracted")"));
    CHECK(vm.look_inside("cd /proc/1/root/run/spin-stack && ls -A && cat good && cmp busybox /bin/busybox") ==
          "busybox\ngood\ngood\n");
    CHECK(vm.settled_agent().state() == agent_state::ABSENT);
    CHECK(vm.look_inside("ls /proc/1/root/run | grep spin") == "spin-stack\n");
    auto info = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(info);
    REQUIRE(info->degraded_steps_size() == 1);
    CHECK(info->degraded_steps(0).name() == "extras-extract");
}

TEST_CASE("extras that a marker says are in place are left alone", "[vm]") {
    temporary_directory directory;
    virtual_machine machine(with_marker(directory));
    guest vm(machine.address());
    CHECK(vm.boot_step("extras-extract").outcome() == wire::BootStep_Outcome_OK);
    CHECK(machine.shows(R"("was_done_before":true)"));
    CHECK(extras_files(vm) == ".extras-extracted\nbefore\n");
    CHECK(vm.settled_agent().state() == agent_state::ABSENT);
}

TEST_CASE("with spin.extras_force extras are put in place whatever the marker says", "[vm]") {
    temporary_directory directory;
    auto options = with_marker(directory);
    options.insert(options.end(), {"--append", "spin.extras_force"});
    virtual_machine machine(options);
    guest vm(machine.address());
    CHECK(vm.boot_step("extras-extract").outcome() == wire::BootStep_Outcome_OK);
    CHECK(machine.shows(R"("was_done_before":false)"));
    CHECK(extras_files(vm) == ".extras-extracted\nbusybox\nspin-supervisor\ndone\n");
    CHECK(vm.settled_agent().state() == agent_state::RUNNING);
}
