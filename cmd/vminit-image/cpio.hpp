// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "file_tree.hpp"
#include "vminit/core/result.hpp"

namespace vminit::image {

enum class compression { none, gzip, zstd };

/// Writes a tree as an archive that Linux unpacks as its initial ramfs ("newc" cpio). The same tree gives the same
/// bytes: names in order, times 0, owner root. Errors: of open and of writing, and of the files that are copied; then
/// `path` is not there.
result<void> write_cpio(const file_tree& tree, const std::string& path, compression how);

}  // namespace vminit::image
