// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/mount.hpp"
#include "vminit/system/mount_entry.hpp"

namespace vminit::runc {

/// Finds the device node of the block device with a serial number (`serial:<id>` sources); waits as long as it sees
/// fit.
/// Empty: nothing is found.
using serial_resolver = std::function<awaitable<result<std::string>>(std::string serial)>;

/// The mounts that make up one container's rootfs: what has been mounted, in order.
///
/// A value. It does not unmount on destruction (that can sleep): its owner calls `unmount_rootfs`.
struct rootfs_mounts {
    std::vector<std::string> mount_points;      ///< absolute, in mount order, with the target sub-path
    std::vector<system::mount_entry> resolved;  ///< the entries with templates, prefixes and serials replaced
};

/// Mounts `entries` in order: all but the last on `<bundle>/mounts/<i>`, the last on `<bundle>/rootfs` (made if
/// missing). A single bind whose source is that rootfs is left alone. The mounting runs in the `blocking_service`.
///
/// On any error, and on cancellation, what was mounted is unmounted again in reverse. Error texts as in the mount
/// API (`formatting mount option "...": ...`, `mkdir path "..." must be under "..."`, `mount /x: Invalid argument`).
awaitable<result<rootfs_mounts>> mount_rootfs(asio::io_context& context, std::string bundle,
                                              std::vector<system::mount_entry> entries, serial_resolver resolve);

/// Unmounts in reverse: normally, retrying EBUSY 50 times 50 ms and then lazily, or lazily at once. What is not mounted
/// (any more) is success; the first error is returned after everything was tried. One that does not end within a minute is
/// left to the kernel: deadline_exceeded. Cancellation does not stop the rest.
awaitable<result<void>> unmount_rootfs(asio::io_context& context, rootfs_mounts mounts,
                                       system::unmount_mode mode = system::unmount_mode::normal);

}  // namespace vminit::runc
