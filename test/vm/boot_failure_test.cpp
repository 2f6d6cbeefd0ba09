// SPDX-License-Identifier: Apache-2.0
#include <sched.h>

#include <catch2/catch.hpp>

#include "guest.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace wire = containerd::vminitd::services::system::v1;

/// Options for a boot in which a file stands where a filesystem is to be mounted.
std::vector<std::string> blocking(const temporary_directory& directory, const std::string& target) {
    auto file = directory.path("file");
    REQUIRE(replace_file(file, "in the way\n", 0644));
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd", {"-o", initrd, "--add", file + ":" + target, VMINIT_VM_INIT});
    return {"--initrd", initrd};
}

/// An initrd whose PID 1 leaves a disk with unwritten data to vminitd, which cannot boot then.
std::string dirty_disk_initrd(const temporary_directory& directory) {
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd", {"-o", initrd, "--without-runtime", "--add", "/bin/busybox:/bin/busybox", "--add",
                                  VMINIT_VM_INIT ":/vminitd", VMINIT_VM_SCRIPTS "/inside/dirty-disk"});
    return initrd;
}

/// From now on the second disk takes one byte a second.
void stall_writes(const std::string& directory) {
    qmp(directory, "block_set_io_throttle",
        R"({"device":"disk1","bps":0,"bps_rd":0,"bps_wr":1,"iops":0,"iops_rd":0,"iops_wr":0})");
}

}  // namespace

TEST_CASE("a mount that nothing works without fails: a log line and a clean power-off", "[vm]") {
    temporary_directory directory;
    auto options = blocking(directory, "/run");
    options.emplace_back("--no-wait");
    virtual_machine machine(options);
    REQUIRE(machine.has_powered_off());
    machine.check_no_panic();
    auto console = machine.console();
    CAPTURE(console);
    CHECK(contains(console, "boot step failed"));
    CHECK(contains(console, "boot step mount-filesystems"));
    CHECK(contains(console, "/run"));
    CHECK(contains(console, "cannot serve, powering off"));
}

TEST_CASE("a boot that fails powers off also when a disk does not take what is left to write", "[vm]") {
    temporary_directory directory;
    auto data = run_vm_script("make-rootfs", {"--type", "ext4", "--empty", "--size", "32"});
    virtual_machine machine({"--initrd", dirty_disk_initrd(directory), "--disk", data + ":data:snapshot", "--no-wait"});
    while (!contains(machine.console(), "disk is mounted")) ::sched_yield();
    stall_writes(machine.directory());
    machine.press_ctrl_alt_del();
    REQUIRE(machine.has_powered_off());
    machine.check_no_panic();
    CHECK(machine.shows("cannot serve, powering off"));
}

TEST_CASE("without a mount of lesser use, and with a hostile extras disk, the guest serves, degraded", "[vm]") {
    temporary_directory directory;
    auto options = blocking(directory, "/var/lib/spin-stack");
    run_vm_script("make-extras", {"-o", directory.path("extras"), "hostile"});
    options.insert(options.end(), {"--disk", directory.path("extras") + ":extras:ro", "--append", "spin.extras_disk=1"});
    virtual_machine machine(options);
    guest vm(machine.address());
    CHECK(vm.run_container(container_wish("echo served")).out == "served\n");
    auto mounts = vm.boot_step("mount-filesystems");
    CHECK(mounts.outcome() == wire::BootStep_Outcome_DEGRADED);
    CHECK(contains(mounts.text(), "/var/lib/spin-stack"));
    auto extras = vm.boot_step("extras-extract");
    CHECK(extras.outcome() == wire::BootStep_Outcome_DEGRADED);
    CHECK(contains(extras.text(), "/dev/fd/through"));
    auto info = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(info);
    REQUIRE(info->degraded_steps_size() == 2);
    CHECK(info->degraded_steps(0).name() == "mount-filesystems");
    CHECK(info->degraded_steps(1).name() == "extras-extract");
    CHECK(vm.look_inside("cd /proc/1/root/run/spin-stack && ls -A && cat good after") ==
          ".extras-extracted\nafter\ngood\ngood\nafter\n");
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}
