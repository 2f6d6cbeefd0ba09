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

/// A VM whose only console comes with a module, and a writable disk.
std::vector<std::string> with_late_console(const temporary_directory& directory) {
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd",
                  {"-o", initrd, "--modules",
                   "virtio_pci,vmw_vsock_virtio_transport,virtio_blk,erofs,overlay,virtio_console", VMINIT_VM_INIT});
    run_vm_script("make-rootfs", {"--type", "ext4", "-o", directory.path("data")});
    return {"--initrd",
            initrd,
            "--no-wait",
            "--disk",
            directory.path("data") + ":data:rw",
            "--qemu-words",
            "-device virtio-serial-pci -chardev file,id=hvc,path=" + directory.path("shown") +
                " -device virtconsole,chardev=hvc",
            "--append",
            "8250.nr_uarts=0 console=hvc0"};
}

/// Has nothing but a sync bring it to the disk for half a minute.
void write_to_disk(guest& vm) {
    container_wish writer("exec sleep 100000");
    writer.id = guest::fresh_id();
    writer.rootfs.emplace_back("ext4", "serial:data", "", std::vector<std::string>{"rw"});
    REQUIRE(vm.create(writer));
    REQUIRE(vm.start(writer.id));
    CHECK(vm.run_exec(writer.id, exec_wish("echo kept >/kept")).status == 0);
}

/// vminitd has no fault to offer, so its code is changed while it runs.
void cause_fault_of_pid_one(guest& vm) {
    container_wish culprit(std::vector<std::string>{"/bin/worker", "fault", "1"});
    culprit.id = guest::fresh_id();
    culprit.pids = vminitctl::pid_namespace::host;
    REQUIRE(vm.create(culprit));
    (void)vm.start(culprit.id);  // the answer may or may not come
}

}  // namespace

TEST_CASE("a console that comes late shows what was before it, and the report of a fault of PID 1, which syncs",
          "[vm]") {
    temporary_directory directory;
    virtual_machine machine(with_late_console(directory));
    auto has_shown = [&](const std::string& text) {
        auto seen = read_file(directory.path("shown"), 1 << 20);
        return seen && seen->find(text) != std::string::npos;
    };
    while (!has_shown("the console has come")) ::sched_yield();
    CHECK(has_shown("VMINITD_READY uptime_us="));
    CHECK(has_shown("phase=pid1-entry"));
    guest vm(machine.address());
    CHECK(vm.boot_step("console").outcome() == wire::BootStep_Outcome_DEGRADED);
    CHECK(vm.look_inside("readlink /proc/1/fd/0; readlink /proc/1/fd/2") == "/dev/console\n/dev/console\n");

    write_to_disk(vm);
    cause_fault_of_pid_one(vm);
    CHECK(machine.has_powered_off());
    CHECK_FALSE(has_shown("Kernel panic"));
    CHECK(has_shown("vminitd: fatal signal 11"));
    CHECK(has_shown("vminitd: return addresses"));
    CHECK(run_vm_script("file-on-disk", {directory.path("data"), "/kept"}) == "kept");
}
