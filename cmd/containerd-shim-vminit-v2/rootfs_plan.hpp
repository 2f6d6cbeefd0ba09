// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::shim {

/// What a daemon need not mount on this machine, since `plan_rootfs` makes disks of it: types, and prefixes of types.
inline constexpr std::string_view guest_mount_types[] = {"erofs", "ext4"};
inline constexpr std::string_view guest_mount_transforms[] = {"mkdir", "format"};

/// How a container's root file system comes into the VM.
enum class rootfs_way {
    disks,  ///< the mounts' own files are disks: nothing is mounted or copied on this machine
    image,  ///< an image is made of what the mounts show; the guest writes elsewhere
    share,  ///< the mounts are made on this machine and shared: what the guest writes is in the snapshot
};

struct rootfs_plan {
    rootfs_way way = rootfs_way::image;
    std::vector<vmm::disk> disks;               ///< of the way `image`: of the image that is to be made
    std::vector<system::mount_entry> in_guest;  ///< what the guest mounts; the last is the root
    std::vector<std::string> remarks;           ///< for the log
};

struct rootfs_choices {
    std::string name;        ///< of the container's disks and directory: unique in the VM, at most 14 bytes
    std::string image;       ///< where an image is to be made
    std::string share_tag;   ///< shared, where the mounts' files cannot be disks; empty: an image is made
    unsigned scratch_mib{};  ///< what the guest can write beside an image; 0: half of its memory
};

/// Decides the way. Mounts of image files (erofs, ext4, and what is laid over them by templates: the lists that
/// the daemon is told to leave alone) are disks, always: they cannot be mounted one on the other here. Pure.
///
/// Errors: not_implemented for a list of image files that the guest cannot have.
result<rootfs_plan> plan_rootfs(const std::vector<system::mount_entry>& mounts, const rootfs_choices& choices);

/// Puts a mount of the share `tag` before the last, if it is not there.
void add_share_mount(std::vector<system::mount_entry>& in_guest, const std::string& tag);

/// Where the guest will have that mount: relative to its bundle.
std::string share_place(const std::vector<system::mount_entry>& in_guest, const std::string& tag);

}  // namespace vminit::shim
