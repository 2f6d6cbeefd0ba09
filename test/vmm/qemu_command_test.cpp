// SPDX-License-Identifier: Apache-2.0
#include "vmm/qemu_command.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "vmm/device_slots.hpp"
#include "vmm/share_daemon.hpp"

using namespace vminit;
using namespace vminit::vmm;

namespace {

vm_plan small_plan() {
    vm_plan plan;
    plan.machine = machine_type::q35;
    plan.directory = "/run/vm";
    plan.kernel = "/boot/vmlinuz";
    plan.initrd = "/boot/initrd";
    plan.guest_cid = 7;
    return plan;
}

std::string line_of(const vm_plan& plan, accelerator accel = accelerator::tcg) {
    auto command = qemu_command(plan, accel);
    REQUIRE(command);
    std::string line;
    for (const auto& word : *command) line.append(line.empty() ? "" : " ").append(word);
    return line;
}

bool has(const std::string& line, const std::string& part) { return line.find(part) != std::string::npos; }

std::string refusal(const vm_plan& plan) {
    auto command = qemu_command(plan, accelerator::tcg);
    REQUIRE_FALSE(command);
    CHECK(command.error().kind() == errc::invalid_argument);
    return command.error().message();
}

}  // namespace

TEST_CASE("a q35 machine has PCI devices, its monitor and its console on inherited descriptors", "[vmm]") {
    auto line = line_of(small_plan(), accelerator::kvm);
    CHECK(line.starts_with("qemu-system-x86_64 -M q35,"));
    CHECK(has(line, "accel=kvm"));
    CHECK(has(line, "-chardev socket,id=monitor,fd=3 -mon chardev=monitor,mode=control"));
    CHECK(has(line, "-chardev socket,id=console,fd=4 -serial chardev:console"));
    CHECK(has(line, "-device vhost-vsock-pci,guest-cid=7"));
    CHECK(has(line, "-no-reboot"));
    CHECK(has(line, "memory-backend-memfd,id=mem,size=256M,share=on"));
    CHECK_FALSE(has(line, "pcie-root-port"));
}

TEST_CASE("a machine that may grow has room for it, and no bounce buffers", "[vmm]") {
    auto plan = small_plan();
    plan.most = {4, 2048};
    auto line = line_of(plan);
    CHECK(has(line, "-smp 1,maxcpus=4 -m 256M,slots=5,maxmem=2048M "));
    CHECK(has(line, " swiotlb=noforce "));
    plan.most = {1, 100};
    line = line_of(plan);
    CHECK(has(line, "-smp 1 -m 256M "));
    CHECK_FALSE(has(line, "swiotlb"));
    plan.most = {4, 2048};
    plan.machine = machine_type::microvm;
    CHECK(has(line_of(plan), "-smp 1 -m 256M "));
}

TEST_CASE("a snapshot disk, a control socket and words for QEMU", "[vmm]") {
    auto plan = small_plan();
    CHECK_FALSE(has(line_of(plan), "-qmp"));
    plan.disks.emplace_back("/a.img", "data", disk_access::snapshot);
    plan.control_socket = "/run/vm/qmp.sock";
    plan.vmm_arguments = {"-device", "pcie-root-port,id=port0"};
    auto line = line_of(plan);
    CHECK(has(line, "file=/a.img,snapshot=on"));
    CHECK(has(line, "-qmp unix:/run/vm/qmp.sock,server=on,wait=off"));
    CHECK(line.ends_with(" -device pcie-root-port,id=port0"));
}

TEST_CASE("a microvm machine has memory-mapped devices and no slots", "[vmm]") {
    auto plan = small_plan();
    plan.machine = machine_type::microvm;
    plan.spare_disk_slots = 4;
    plan.disks.emplace_back("/a.img", "root", disk_access::read_only);
    auto line = line_of(plan);
    CHECK(has(line, "-M microvm,"));
    CHECK(has(line, "vhost-vsock-device,guest-cid=7"));
    CHECK(has(line, "virtio-blk-device,drive=disk0,serial=root"));
    CHECK_FALSE(has(line, "-pci"));
    CHECK_FALSE(has(line, "pcie-root-port"));
    // QEMU puts its devices behind all of it, where `--` would hide them from the kernel.
    CHECK(has(line, "-append console=ttyS0 quiet loglevel=3 panic=1 -display"));
    plan.init_arguments = {"-debug"};
    CHECK(has(refusal(plan), "a microvm without ACPI takes no arguments of init"));
    plan.machine = machine_type::microvm_acpi;
    CHECK(has(line_of(plan), "-M microvm,acpi=on,"));
}

TEST_CASE("a virt machine is 64-bit Arm with PCI devices, and does not grow", "[vmm]") {
    auto plan = small_plan();
    plan.machine = machine_type::virt;
    plan.most = {4, 2048};
    plan.spare_disk_slots = 1;
    auto line = line_of(plan);
    CHECK(line.starts_with("qemu-system-aarch64 -M virt,gic-version=max,accel=tcg,memory-backend=mem "));
    CHECK(has(line, "-cpu max,pauth-impdef=on -smp 1 -m 256M "));
    CHECK(has(line, "-append console=ttyAMA0 quiet"));
    CHECK(has(line, "vhost-vsock-pci,guest-cid=7"));
    CHECK(has(line, "pcie-root-port,id=slot0"));
    CHECK(has(line_of(plan, accelerator::kvm), "-cpu max -smp"));
    plan.qemu = "/opt/qemu";
    CHECK(line_of(plan).starts_with("/opt/qemu -M virt,"));
}

TEST_CASE("the vsock device in user space is found at its socket", "[vmm]") {
    auto plan = small_plan();
    plan.vsock_device = "/usr/bin/vhost-device-vsock";
    auto line = line_of(plan);
    CHECK(has(line, "-chardev socket,id=vsock,path=/run/vm/vhost.sock -device vhost-user-vsock-pci,chardev=vsock"));
    CHECK(vsock_socket(plan) == "/run/vm/vm.sock");
}

TEST_CASE("disks have their serials, and commas in file names are not separators", "[vmm]") {
    auto plan = small_plan();
    plan.disks.emplace_back("/a,b.img", "one", disk_access::read_only);
    plan.disks.emplace_back("/c.img", "two", disk_access::read_write);
    plan.spare_disk_slots = 2;
    auto line = line_of(plan);
    CHECK(has(line,
              "if=none,id=disk0,format=raw,file=/a,,b.img,readonly=on -device virtio-blk-pci,drive=disk0,serial=one"));
    CHECK(has(line, "if=none,id=disk1,format=raw,file=/c.img -device virtio-blk-pci,drive=disk1,serial=two"));
    CHECK(has(line,
              "pcie-root-port,id=slot0,chassis=1,slot=1,addr=0x1c.0x0,multifunction=on "
              "-device pcie-root-port,id=slot1,chassis=2,slot=2,addr=0x1c.0x1"));
    plan.spare_disk_slots = 9;
    CHECK(has(line_of(plan), "id=slot8,chassis=9,slot=9,addr=0x1d.0x0,multifunction=on"));
}

TEST_CASE("shares are served at sockets in the VM's directory", "[vmm]") {
    auto plan = small_plan();
    plan.shares.emplace_back("/srv/data", "share");
    CHECK(has(line_of(plan),
              "-chardev socket,id=fs-share,path=/run/vm/share.sock "
              "-device vhost-user-fs-pci,chardev=fs-share,tag=share"));
    plan.machine = machine_type::microvm;
    CHECK(has(line_of(plan), "-device vhost-user-fs-device,chardev=fs-share,tag=share"));
    auto added = share("/srv/other", "later");
    CHECK(chardev_arguments(plan, added) ==
          R"({"id":"fs-later","backend":{"type":"socket","data":{"addr":{"type":"unix","data":)"
          R"({"path":"/run/vm/later.sock"}},"server":false}}})");
    CHECK(device_arguments(added, 3) ==
          R"({"driver":"vhost-user-fs-pci","id":"share-later","chardev":"fs-later","tag":"later","bus":"slot3"})");
}

TEST_CASE("the daemon of a share keeps to the shared directory", "[vmm]") {
    auto command = share_command("/usr/lib/qemu/virtiofsd", share("/srv/data", "share"));
    CHECK(command ==
          std::vector<std::string>{"/usr/lib/qemu/virtiofsd", "-f", "--fd=3", "-o",
                                   "source=/srv/data,sandbox=namespace,cache=auto,xattr,announce_submounts"});
}

TEST_CASE("a device keeps its slot until it has gone", "[vmm]") {
    device_slots slots(1);
    CHECK(slots.take("disk-a") == 0U);
    CHECK(slots.take("disk-b") == std::nullopt);
    CHECK_FALSE(slots.leave("disk-b"));
    CHECK(slots.leave("disk-a"));
    CHECK_FALSE(slots.leave("disk-a"));
    CHECK(slots.is_any_leaving());
    CHECK(slots.take("disk-b") == std::nullopt);
    CHECK(slots.release("disk-a"));
    CHECK_FALSE(slots.release("disk-a"));
    CHECK(slots.take("disk-b") == 0U);
}

TEST_CASE("a network card is a tap with its address and MTU, or the user network", "[vmm]") {
    auto plan = small_plan();
    plan.cards.emplace_back("vm0", "52:54:00:00:00:01", 1400);
    plan.cards.emplace_back("", "52:54:00:00:00:02", 0);
    auto line = line_of(plan);
    CHECK(has(line,
              "-netdev tap,id=net0,ifname=vm0,script=no,downscript=no "
              "-device virtio-net-pci,netdev=net0,mac=52:54:00:00:00:01,host_mtu=1400,romfile= "));
    CHECK(has(line, "-netdev user,id=net1,ipv6=off -device virtio-net-pci,netdev=net1,mac=52:54:00:00:00:02,romfile="));
    plan.machine = machine_type::microvm;
    line = line_of(plan);
    CHECK(has(line, "-device virtio-net-device,netdev=net0,mac=52:54:00:00:00:01,host_mtu=1400 -netdev user"));
    CHECK_FALSE(has(line, "romfile"));
    CHECK_FALSE(has(line_of(small_plan()), "-netdev"));
}

TEST_CASE("PID 1 gets its arguments behind the kernel's words", "[vmm]") {
    auto plan = small_plan();
    plan.kernel_words = {"ip=off"};
    plan.init_arguments = {"-debug"};
    plan.rpc_port = 5;
    plan.stream_port = 6;
    CHECK(kernel_command_line(plan) ==
          "console=ttyS0 quiet loglevel=3 panic=1 ip=off -- -vsock-rpc-port=5 -vsock-stream-port=6 -debug");
}

TEST_CASE("what cannot be a VM is refused with a sentence", "[vmm]") {
    auto plan = small_plan();
    SECTION("no kernel") {
        plan.kernel.clear();
        CHECK(has(refusal(plan), "needs a kernel"));
    }
    SECTION("a directory too long for a socket's path") {
        plan.directory = std::string(91, 'd');
        CHECK(has(refusal(plan), "1 to 90 bytes"));
    }
    SECTION("the host's CID") {
        plan.guest_cid = 2;
        CHECK(has(refusal(plan), "guest CID 2"));
    }
    SECTION("no memory") {
        plan.memory_mib = 0;
        CHECK(has(refusal(plan), "memory"));
    }
    SECTION("a serial longer than virtio-blk's") {
        plan.disks.emplace_back("/a", std::string(21, 's'), disk_access::read_only);
        CHECK(has(refusal(plan), "1 to 20 bytes"));
    }
    SECTION("more disks than device numbers") {
        plan.disks.resize(25, disk("/a", "a", disk_access::read_only));
        CHECK(has(refusal(plan), "25 disks: at most 24"));
    }
    SECTION("a share whose directory would end QEMU's or the daemon's option") {
        plan.shares.emplace_back("/a,b", "share");
        CHECK(has(refusal(plan), "without commas"));
    }
    SECTION("a share whose tag is no file name") {
        plan.shares.emplace_back("/a", "a/b");
        CHECK(has(refusal(plan), "share tag"));
    }
    SECTION("more cards than slots") {
        plan.cards.assign(9, network_card("vm0", "52:54:00:00:00:01", 0));
        CHECK(has(refusal(plan), "9 network cards: at most 8"));
    }
    SECTION("a card without an address") {
        plan.cards.emplace_back("vm0", "52:54:00:00:00", 0);
        CHECK(has(refusal(plan), "address \"52:54:00:00:00\""));
    }
    SECTION("a tap of a name that no device has") {
        plan.cards.emplace_back("sixteen-letters-", "52:54:00:00:00:01", 0);
        CHECK(has(refusal(plan), "sixteen-letters-"));
    }
    SECTION("words that the kernel would cut off") {
        plan.kernel_words.emplace_back(2040, 'w');
        CHECK(has(refusal(plan), "at most 2047"));
    }
    SECTION("more slots than were tried") {
        plan.spare_disk_slots = 17;
        CHECK(has(refusal(plan), "at most 16"));
    }
}

TEST_CASE("a disk that comes later is two QMP commands", "[vmm]") {
    disk added("/new \"one\".img", "late", disk_access::read_only);
    CHECK(
        blockdev_arguments(added) ==
        R"({"driver":"raw","node-name":"node-late","read-only":true,"file":{"driver":"file","filename":"/new \"one\".img"}})");
    CHECK(device_arguments(added, 3) ==
          R"({"driver":"virtio-blk-pci","id":"disk-late","drive":"node-late","serial":"late","bus":"slot3"})");
}
