// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vminit::system {

/// One mount as a host asks for it (`containerd.types.Mount`): fstab-style options, nothing interpreted yet.
struct mount_entry {
    mount_entry() = default;
    mount_entry(std::string type, std::string source, std::string target, std::vector<std::string> options)
        : type(std::move(type)), source(std::move(source)), target(std::move(target)), options(std::move(options)) {}

    std::string type;
    std::string source;
    std::string target;  ///< sub-path below the mount point the list position stands for; usually empty
    std::vector<std::string> options;

    friend bool operator==(const mount_entry&, const mount_entry&) = default;
};

}  // namespace vminit::system
