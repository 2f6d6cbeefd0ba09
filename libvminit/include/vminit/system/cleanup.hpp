// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "vminit/core/result.hpp"

/// What is put away before the power goes. Everything here blocks: use a `blocking_service` job.
namespace vminit::system {

/// What is cleaned up.
struct cleanup_options {
    std::string bundles = "/run/bundles";
    std::string temporary = "/tmp";  ///< all in it is removed; empty: nothing, for who is not alone on the machine
    std::string mount_table = "/proc/self/mountinfo";
};

/// What the clean-up did.
struct cleanup_report {
    std::size_t unmounted = 0;
    std::vector<std::string> problems;  ///< each for the log; they never fail the clean-up
};

/// Makes the disks below `bundles` read-only, as `remount_read_only` does, then lazily unmounts everything there,
/// deepest first, but for disks that stay busy and what leads to them: these are for `remount_read_only`. Removes each
/// entry of `bundles` that holds no mount any more and everything in `temporary`; sync(2). Idempotent.
cleanup_report clean_up(const cleanup_options& options);

/// Removes `path` and what is below it. Follows no symbolic link, enters no other filesystem (a mount point is left as
/// it is and reported), and is fine with `path` missing. At most `max_depth` levels. Returns the first error; goes on
/// past it.
inline constexpr int max_depth = 512;
result<void> remove_tree(const std::string& path);

/// Removes what is in the directory `path`, not itself; as `remove_tree`.
result<void> remove_contents(const std::string& path);

/// The last thing before power-off: remounts what is still mounted read-write from a block device read-only, so that
/// its journal is clean, then sync(2). One that is busy is asked again for `busy_limit`, counted for all together: kill
/// the writers first. Returns a problem a filesystem that would not.
inline constexpr std::chrono::milliseconds busy_limit{100};
std::vector<std::string> remount_read_only(const std::string& mount_table = "/proc/self/mountinfo");

}  // namespace vminit::system
