// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

namespace vminit::vminitctl {

/// `--mount type=tmpfs,target=/scratch,options=size=16m:mode=0700`: comma-separated `type`, `source` (`src`), `target`
/// (`dst`, `destination`), `ro`/`readonly`, and `options`, whose items are separated by colons.
///
/// Paths are the guest's. Without a type it is a recursive bind. Errors: invalid_argument naming the offending part.
result<system::mount_entry> parse_mount(std::string_view text);

/// `-v SOURCE:TARGET[:ro|rw]`, as docker's, but with paths of the guest only: a recursive bind. Errors:
/// invalid_argument, which says so of what could only be meant on this machine.
result<system::mount_entry> parse_volume(std::string_view text);

/// `--tmpfs TARGET[:OPTION,OPTION]`, as docker's: nosuid, nodev and noexec unless the options say otherwise. Errors:
/// invalid_argument.
result<system::mount_entry> parse_tmpfs(std::string_view text);

/// The mounts of `Task.Create` that make a rootfs out of `--rootfs`.
///
/// An absolute path is a directory of the guest and is bound, writable; below /dev it is a disk (some VMMs give theirs
/// no serial number that one can choose). Anything else is the serial number of a disk. A disk has a filesystem of type
/// `filesystem`, mounted read-only; a tmpfs laid over it makes it writable.
result<std::vector<system::mount_entry>> rootfs_mounts(std::string_view source, std::string_view filesystem);

}  // namespace vminit::vminitctl
