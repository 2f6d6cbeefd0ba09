// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

/// Mount primitives. All of them can sleep: after boot call them from a `blocking_service` job only.
namespace vminit::system {

/// Mounts `entry` on `directory`, or on `entry.target` below it (resolved without leaving `directory`, through no
/// symbolic link that leads out of it; it must exist). Options as in `parse_mount_options`; a read-only bind is
/// remounted so that it really is read-only; `loop` attaches the source to a loop device that goes with the mount;
/// overlay options of almost a page are shortened. Returns the mount point, with the sub-path.
///
/// Errors: errno with context `mount <mount point>`; unknown `mount options is too long`; whatever attaching
/// a loop device or making an id-mapped mount says. On failure nothing is left mounted.
result<std::string> mount_filesystem(const mount_entry& entry, const std::string& directory);

enum class unmount_mode {
    normal,  ///< EBUSY while in use
    lazy,    ///< MNT_DETACH: out of the tree at once, gone when the last user is
};

/// umount2(2) of what is mounted on top at `mount_point`, following no symbolic link in its last component. Nothing
/// mounted there (EINVAL) or no such path is success. Errors: errno with context `unmount <mount point>`.
result<void> unmount_filesystem(const std::string& mount_point, unmount_mode mode);

/// `unmount_filesystem` until nothing is mounted there: at most `max_stacked_mounts` times, since mounts may be
/// stacked.
inline constexpr int max_stacked_mounts = 64;
result<void> unmount_all(const std::string& mount_point, unmount_mode mode);

}  // namespace vminit::system
