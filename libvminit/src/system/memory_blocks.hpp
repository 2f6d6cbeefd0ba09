// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

namespace vminit::system {

/// The memory block directories below `directory`. Lists names only, which waits for no block.
std::set<std::string> memory_blocks(const std::string& directory);

/// Blocks. Those of `memory_blocks` whose `state` is `offline`.
std::vector<std::string> offline_memory_blocks(const std::string& directory);

}  // namespace vminit::system
