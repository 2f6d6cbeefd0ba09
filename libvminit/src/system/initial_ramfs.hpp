// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "vminit/system/mount_table.hpp"

namespace vminit::system {

/// True if / is the kernel's initial ramfs: the mount on top there has type `rootfs`.
bool is_initial_ramfs(const std::vector<mount_info>& table);

}  // namespace vminit::system
