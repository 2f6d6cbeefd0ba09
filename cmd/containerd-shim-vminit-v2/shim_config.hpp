// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "network_wish.hpp"
#include "vminit/core/result.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::shim {

/// How the root file systems come into the VM, where the snapshotter's files cannot be disks.
enum class rootfs_choice {
    image,     ///< copied into an image; what is written stays in the guest
    virtiofs,  ///< shared; what is written is in the snapshot
};

/// What the machine's owner decides, from one JSON file; the defaults are where the packages put things.
struct shim_config {
    std::string kernel = "/usr/share/vminit/guest/vmlinuz";
    std::string initrd = "/usr/share/vminit/guest/initrd";
    std::string qemu;  ///< empty: the machine's, as in vmm::vm_plan
    std::string vsock_device;  ///< empty: /dev/vhost-vsock
    std::string mkfs_erofs = "mkfs.erofs";
    std::string virtiofsd;  ///< empty: the first that is found where packages put it
    rootfs_choice rootfs = rootfs_choice::image;
    std::string state = "/run/vminit";  ///< a directory per VM in here; short, as sockets lie in it
    vmm::accelerator accel = vmm::accelerator::automatic;
    network_mode network = network_mode::name_space;  ///< of containers without the annotation `io.vminit.network`
    unsigned cpus = 1;
    std::uint64_t memory_mib = 256;
    unsigned max_cpus = 0;             ///< a VM grows to this many at most; 0: as many as this machine has
    std::uint64_t max_memory_mib = 0;  ///< the same of memory
    unsigned scratch_mib = 0;          ///< size of what a container can write to its root; 0: half of the VM's memory
    std::string kernel_words;          ///< more kernel command line, separated by spaces
    unsigned boot_seconds = 60;        ///< until the guest answers
    bool has_host_cgroup = true;       ///< the VM is in the first container's cgroup on this machine
    unsigned host_memory_overhead_mib = 0;  ///< that cgroup's memory limit, beyond the VM's size; 0: no limit
};

/// VMINIT_SHIM_CONFIG names another file than this.
inline constexpr std::string_view default_config_file = "/etc/vminit/shim.json";

/// A missing file is the defaults. Errors: invalid_argument naming the file and the member: an unknown member is an
/// error too, because a mistyped one would otherwise be silence.
result<shim_config> read_config(const std::string& path);

/// Pure; `read_config` without the file.
result<shim_config> parse_config(std::string_view text);

}  // namespace vminit::shim
