// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

/// What PID 1 wants to have on a root that may be read-only, or somebody else's: nothing is written to a disk but empty
/// directories and files to mount on. `root` is put before every path; empty but in tests. All of it blocks.
namespace vminit::system {

enum class storage {
    memory,     ///< tmpfs, ramfs: gone with the VM
    disk,       ///< anything else that can be written to, a directory of the host's included
    read_only,  ///< whatever it is
};

/// Where `path`, or the closest of its parents that is there, lies.
storage storage_of(const std::string& path);

/// Lays a tmpfs over `directory` in which all that it holds is there as links: to /run/vminit-root, where the root itself
/// is bound, or for a link the link itself. For what is missing in a directory that cannot be written to.
result<void> cover_with_memory(const std::string& root, const std::string& directory);

/// `make_directories` (0755); on a read-only root in a cover over the closest parent that is there. Errors: EROFS if that
/// is the root itself.
result<void> provide_directory(const std::string& root, const std::string& path);

/// Lets programs find `text` as /etc/`name` (0644): in place if /etc is in memory; else the file is /run/vminitd/`name`,
/// bound over the one in /etc, or if there is none and it cannot be made, in a cover over /etc.
result<void> provide_etc_file(const std::string& root, const std::string& name, std::string_view text);

}  // namespace vminit::system
