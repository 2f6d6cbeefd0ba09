// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::system {

/// fstab-style options sorted into what mount(2) takes and what is done around it.
struct mount_options {
    unsigned long flags = 0;  ///< MS_*
    std::string data;         ///< everything not known here, joined with `,`
    bool wants_loop = false;  ///< `loop`: attach the source to a loop device first
    bool direct_io = false;   ///< `direct-io`, with `loop`
    std::string uid_map;      ///< `uidmap=`: an id-mapped mount
    std::string gid_map;      ///< `gidmap=`
};

/// Sorts `options`: ro/rw, nosuid/suid, nodev/dev, noexec/exec, sync/async, dirsync, mand/nomand, noatime/atime,
/// nodiratime/diratime, relatime/norelatime, strictatime/nostrictatime, bind, rbind, remount, defaults, loop,
/// direct-io, uidmap=, gidmap=; the rest is data. A later option overrides an earlier one. Never fails.
mount_options parse_mount_options(const std::vector<std::string>& options);

/// Overlay options near a page do not fit mount(2)'s buffer: the lowerdirs' common parent becomes the working directory
/// for the call and the lowerdirs get relative to it.
struct compacted_overlay {
    std::string working_directory;  ///< empty: nothing gained, `data` is unchanged
    std::string data;
};

/// Shortens an overlay's `data` when it is at least `page - 512` bytes long and its lowerdirs (all absolute) share a
/// parent directory.
compacted_overlay compact_overlay_options(const std::string& data, std::size_t page);

}  // namespace vminit::system
