// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "container_image.hpp"
#include "layers.hpp"
#include "vminit/core/result.hpp"

namespace vminit::image {

enum class disk_type { erofs, ext4 };

struct disk_options {
    std::string output;
    disk_type type = disk_type::erofs;
    std::uint64_t size = 0;  ///< bytes, of ext4; 0: what is in it, a quarter more, and 64 MiB
    layer_progress progress;
};

struct disk_report {
    std::uint64_t bytes = 0;   ///< of the file (ext4's is sparse)
    std::string config_path;   ///< the image's configuration, beside the disk; empty if it has none
    std::size_t left_out = 0;  ///< device nodes that this user may not make
};

/// Makes a disk with the root file system of an image. The same image gives the same bytes, whenever and wherever it is
/// made with the same mkfs. The configuration is kept as `output`.json. Errors: those of unpacking and of mkfs;
/// resource_exhausted when `size` or the disk of this machine is too small. Then neither file is there.
result<disk_report> make_disk(const container_image& image, const disk_options& options);

}  // namespace vminit::image
