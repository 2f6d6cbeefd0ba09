// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::system {

enum class loop_access { read_write, read_only };
enum class loop_cache { shared, direct };

/// A loop device that frees itself when neither a mount nor `fd` uses it any more (LO_FLAGS_AUTOCLEAR).
struct loop_device {
    unique_fd fd;  ///< keep until it is mounted
    std::string path;
};

/// Binds `file` to a free loop device. Errors: errno with what was attempted (no loop driver: `open
/// /dev/loop-control`).
result<loop_device> attach_loop_device(const std::string& file, loop_access access, loop_cache cache);

}  // namespace vminit::system
