// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>

#include "guest.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

/// An initrd that mounts what root= names and becomes init=.
std::string root_mounter(const temporary_directory& directory) {
    auto initrd = directory.path("initrd");
    std::string loader = VMINIT_VM_SCRIPTS "/inside/mount-root";
    run_vm_script("make-initrd", {"-o", initrd, "--without-runtime", "--add", "/bin/busybox:/bin/busybox", loader});
    return initrd;
}

/// Options for a VM whose root is a disk of `type`, mounted `mode`, with an extras disk and a network card.
std::vector<std::string> root_on_disk(const temporary_directory& directory, const std::string& type,
                                      const std::string& mode) {
    auto initrd = root_mounter(directory);
    auto root = directory.path("guest");
    run_vm_script("make-rootfs", {"-o", root, "--type", type, "--guest", VMINIT_VM_INIT});
    run_vm_script("make-extras", {"-o", directory.path("extras"), "merged"});
    return {"--initrd", initrd, "--disk", root + ":guest:" + mode, "--disk", directory.path("extras") + ":extras:ro",
            "--network", "user", "--append",
            "root=/dev/vdb rootfstype=" + type + " " + mode + " init=/sbin/vminitd spin.extras_disk=2 "
            "ip=10.0.2.15::10.0.2.2:255.255.255.0:box:eth0:none:10.0.2.3"};
}

/// Names and texts of the boot steps that are not as they should be, once all are there.
std::string degraded_steps(guest& vm) {
    vm.boot_step("network");
    vm.boot_step("extras-extract");
    auto info = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(info);
    std::string all;
    for (const auto& step : info->degraded_steps()) all += step.name() + ": " + step.text() + "\n";
    return all;
}

// What the image has may be shown as links, which lead from the root of the VM.
constexpr const char* look_at_files = R"(cd /proc/1/root; cat etc/resolv.conf
    for f in etc/hosts etc/passwd; do if [ -L $f ]; then cat .$(readlink $f); else cat $f; fi; done; cat run/placed
    until [ -s var/log/spin-supervisor.log ]; do :; done
    cat var/log/spin-supervisor.log; stat -c '%a %n' run var/log var/lib/spin-stack
    for d in var/log var/lib/spin-stack; do stat -f -c %T $d; done)";

constexpr const char* files_of_guest =
    "nameserver 10.0.2.3\n127.0.0.1 localhost of-the-image\nroot:x:0:0:root:/root:/bin/sh\nplaced\n"
    "uid 0 gid 0 groups 0\n755 run\n755 var/log\n755 var/lib/spin-stack\ntmpfs\ntmpfs\n";

}  // namespace

TEST_CASE("a guest with a read-only root has its names, its log and its extras, and is not degraded", "[vm]") {
    temporary_directory directory;
    virtual_machine machine(root_on_disk(directory, "erofs", "ro"));
    guest vm(machine.address());
    // The one file that the extras want on the root itself.
    CHECK(degraded_steps(vm) == "extras-extract: skipped 1, first /bin/tool: create .vminit-extras.tmp: Read-only file system\n");
    CHECK(vm.look_inside(look_at_files) == files_of_guest);
    CHECK(vm.run_container(container_wish("cat /etc/resolv.conf")).out == "nameserver 10.0.2.3\n");
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
}

TEST_CASE("a guest whose root is a disk writes to it what the extras ask for, and nothing else", "[vm]") {
    temporary_directory directory;
    {
        virtual_machine machine(root_on_disk(directory, "ext4", "rw"));
        guest vm(machine.address());
        CHECK(degraded_steps(vm).empty());
        CHECK(vm.look_inside(look_at_files) == files_of_guest);
        CHECK(vm.look_inside("cat /proc/1/root/bin/tool /proc/1/root/usr/bin/tool") == "tool\ntool\n");
        CHECK(vm.run_container(container_wish("cat /etc/resolv.conf")).out == "nameserver 10.0.2.3\n");
        machine.press_ctrl_alt_del();
        CHECK(machine.has_powered_off());
        machine.check_no_panic();
    }
    // What is on the disk now: a VM that mounts it shows it.
    virtual_machine reader({"--disk", directory.path("guest") + ":guest:rw"});
    guest vm(reader.address());
    auto seen = vm.look_inside(
        "mount -t ext4 -o ro /dev/vdb /mnt && cd /mnt && "
        "find var etc usr/bin -type f | sort; wc -c etc/resolv.conf; ls -d var/*/*");
    CHECK(seen == "etc/hosts\netc/passwd\netc/resolv.conf\nusr/bin/tool\n0 etc/resolv.conf\nvar/lib/spin-stack\n");
}

TEST_CASE("a guest whose root is a directory of the host's runs containers, and writes nothing into it", "[vm]") {
    temporary_directory directory;
    auto initrd = root_mounter(directory);
    auto root = directory.path("guest");
    run_vm_script("make-rootfs", {"-o", root, "--type", "directory", "--guest", VMINIT_VM_INIT});
    auto files = [&] {
        std::set<std::string> all;
        for (const auto& each : std::filesystem::recursive_directory_iterator(root)) {
            auto is_full = each.is_regular_file() && each.file_size() > 0;
            if (is_full)
                all.insert(each.path().lexically_relative(root).string() + " " + std::to_string(each.file_size()));
        }
        return all;
    };
    auto before = files();
    virtual_machine machine({"--initrd", initrd, "--share", root + ":whole", "--append",
                             "root=whole rootfstype=virtiofs rw init=/sbin/vminitd"});
    guest vm(machine.address());
    auto info = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(info);
    CHECK(info->degraded_steps().empty());
    CHECK(vm.look_inside("grep -c ' / / .* - virtiofs whole ' /proc/1/mountinfo") == "1\n");
    CHECK(vm.run_container(container_wish("echo inside")).out == "inside\n");
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    CHECK(files() == before);  // nor are there others: what is mounted on is empty
}

TEST_CASE("filesystems of the boot have the options that they have elsewhere", "[vm]") {
    virtual_machine machine({});
    guest vm(machine.address());
    // Options of the hierarchy, not of a mount: a container that mounts cgroup2 anew, as this one asks to, would reset them.
    auto cgroups = vm.look_inside("grep ' /sys/fs/cgroup ' /proc/1/mountinfo /proc/self/mountinfo");
    CAPTURE(cgroups);
    for (const char* process : {"1", "self"}) {
        auto line = cgroups.substr(cgroups.find("/proc/" + std::string(process) + "/"));
        line.resize(line.find('\n'));
        CHECK(line.find(" /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime ") != std::string::npos);
        CHECK(line.ends_with(" rw,nsdelegate,memory_recursiveprot"));
    }
    CHECK(vm.look_inside("cd /proc/1/root; stat -c %a run var/lib/spin-stack tmp") == "755\n755\n1777\n");
}

TEST_CASE("parameters of modules on the kernel command line reach the modules", "[vm]") {
    virtual_machine machine({"--append", "virtio-blk.queue_depth=32 overlay.metacopy=on overlay.no_such=1"});
    guest vm(machine.address());
    CHECK(vm.boot_step("late-modules").text().empty());
    CHECK(vm.look_inside("cd /sys/module; cat virtio_blk/parameters/queue_depth overlay/parameters/metacopy") == "32\nY\n");
}
