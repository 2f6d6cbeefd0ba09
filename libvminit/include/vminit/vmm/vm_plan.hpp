// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vminit::vmm {

/// The board that QEMU emulates.
enum class machine_type {
    q35,           ///< PCI and ACPI: disks can be added while it runs
    microvm,       ///< virtio-mmio and no ACPI, the fastest to start; nothing can be plugged in later
    microvm_acpi,  ///< the same, its devices and its power button told by ACPI
    virt,          ///< 64-bit Arm: PCI and a device tree; disks can be added while it runs, processors and memory not
};

/// The board of this machine's own processors, which KVM can run: virt on 64-bit Arm, elsewhere q35.
machine_type usual_machine();

enum class accelerator {
    automatic,  ///< KVM where a VM gets as far as serving with it, else TCG
    kvm,
    tcg,  ///< QEMU's own emulation: works everywhere, ten to twenty times slower
};

enum class disk_access {
    read_only,
    read_write,
    snapshot,  ///< written to a file that goes with the VM: not for disks that are added later
};

/// A raw image that the guest finds as the block device of that serial.
struct disk {
    disk() = default;
    disk(std::string file, std::string serial, disk_access access)
        : file(std::move(file)), serial(std::move(serial)), access(access) {}

    std::string file;
    std::string serial;  ///< at most 20 bytes, the limit of virtio-blk
    disk_access access = disk_access::read_only;
};

/// A directory of this machine that the guest mounts: `mount -t virtiofs <tag>`. What is mounted below it later is seen
/// in the guest too, where the directory is a shared mount (mount_namespaces(7)).
struct share {
    share() = default;
    share(std::string directory, std::string tag) : directory(std::move(directory)), tag(std::move(tag)) {}

    std::string directory;  ///< without commas
    std::string tag;        ///< at most 36 bytes, the limit of virtio-fs; a file name
};

/// A virtio network card.
struct network_card {
    network_card() = default;
    network_card(std::string tap, std::string mac, std::uint32_t mtu)
        : tap(std::move(tap)), mac(std::move(mac)), mtu(mtu) {}

    std::string tap;  ///< an existing tap device; empty: QEMU's user network, IPv4 and outbound only (10.0.2.0/24)
    std::string mac;  ///< `52:54:00:12:34:56`
    std::uint32_t mtu = 0;  ///< that the guest's driver is told; 0: its own default

    friend bool operator==(const network_card&, const network_card&) = default;
};

/// How big a VM is.
struct vm_size {
    unsigned cpus = 0;
    std::uint64_t memory_mib = 0;
    friend bool operator==(const vm_size&, const vm_size&) = default;
};

/// A VM before it runs: a value. `directory` is private to the VM, exists, and holds its sockets and logs.
struct vm_plan {
    std::string directory;     ///< at most 90 bytes: a Unix socket's path in it must fit into 107
    std::string qemu;          ///< empty: qemu-system-aarch64 for virt, else qemu-system-x86_64
    std::string vsock_device;  ///< the vhost-device-vsock program; empty: the kernel's /dev/vhost-vsock

    std::string virtiofsd;  ///< the program that serves shares; empty: there can be none

    std::string kernel;  ///< a bzImage, for microvm also an uncompressed vmlinux with a PVH entry, for virt an Image
    std::string initrd;
    std::vector<std::string> kernel_words;    ///< more kernel command line
    std::vector<std::string> init_arguments;  ///< of PID 1, behind `--`; a microvm without ACPI takes none
    std::vector<std::string> vmm_arguments;   ///< more of the VMM's own command line, as they are

    machine_type machine = usual_machine();
    accelerator accel = accelerator::automatic;
    unsigned cpus = 1;
    std::uint64_t memory_mib = 256;
    vm_size most;  ///< q35: what it can grow to while it runs; where that is less than at boot, it cannot
    std::vector<disk> disks;
    std::vector<share> shares;
    unsigned spare_disk_slots = 0;  ///< q35 and virt: PCIe ports for disks and shares that come later, at most 16

    std::vector<network_card> cards;        ///< at most 8
    std::string network_namespace;          ///< the file of the one in which the VMM runs and the taps are; empty: ours
    bool has_new_network = false;           ///< the VMM gets one of its own, in which nothing is
    std::vector<std::string> cgroup_procs;  ///< `cgroup.procs` files that the VMM and its helpers enter; empty: ours

    std::string console_log;  ///< a file that gets what the guest prints; empty: none. Each 16 MiB it begins anew, and
                              ///< the last piece stays as `<console_log>.old`
    std::string control_socket;  ///< where the VMM takes commands from other programs (QMP); empty: nowhere

    std::uint32_t guest_cid = 0;  ///< at least 3; unique on this machine
    std::uint32_t rpc_port = 1024;
    std::uint32_t stream_port = 1025;
};

}  // namespace vminit::vmm
