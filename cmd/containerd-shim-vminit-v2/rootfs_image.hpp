// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/mount_entry.hpp"

namespace vminit::shim {

/// Makes an erofs image of a container's root file system: the snapshotter's mounts are mounted on `directory`, one on
/// the other, `mkfs_erofs` copies the tree into `image`, and they are unmounted again. No mounts: the directory as it
/// is.
///
/// Errors: errno of mount; unknown with mkfs's own words; resource_exhausted when the disk is full. On failure neither
/// image nor mount is left. The limit is an hour: a big image takes its time, a hung disk shall not take for ever.
awaitable<result<void>> make_rootfs_image(asio::io_context& context, std::vector<system::mount_entry> mounts,
                                          std::string directory, std::string image, std::string mkfs_erofs);

}  // namespace vminit::shim
