// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"

namespace vminit::system {

/// Replaces the mount at `mount_point` by an id-mapped one of the same filesystem (mount_setattr(2)). Maps are in
/// containerd's notation: `<container id>:<host id>:<size>`, several joined with `,`. Errors: invalid_argument for a
/// bad map; errno (EINVAL: the filesystem does not support it).
result<void> map_ids(const std::string& mount_point, const std::string& uid_map, const std::string& gid_map);

}  // namespace vminit::system
