// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::shim {

/// A cgroup file system of this machine, as this process sees it: the one of version 2, or one of several of version 1
/// (cgroups(7)); hybrid machines have both.
struct cgroup_hierarchy {
    std::string directory;    ///< where it is mounted
    std::string own;          ///< our own cgroup in it, as a path below `directory` that begins with `/`
    std::string controllers;  ///< as /proc/self/cgroup names them: `memory`, `cpu,cpuacct`, `name=systemd`; empty: v2

    bool is_v2() const noexcept { return controllers.empty(); }
    bool has(std::string_view controller) const noexcept;
    friend bool operator==(const cgroup_hierarchy&, const cgroup_hierarchy&) = default;
};

/// From the texts of /proc/self/mountinfo and /proc/self/cgroup; each hierarchy once, and only those that are mounted.
/// Pure.
std::vector<cgroup_hierarchy> parse_hierarchies(std::string_view mountinfo, std::string_view own_cgroups);

/// Where `linux.cgroupsPath` is below a hierarchy's mount point, as runc reads it: an absolute path is one, a relative
/// one starts from `own`, and `slice:prefix:name` is the scope `prefix-name.scope` in systemd's slice, which lies below
/// the slices that its name consists of. `..` leads nowhere above. Pure. Errors: invalid_argument for what is no such
/// path, and for the root.
result<std::string> place_of_cgroup(std::string_view cgroups_path, std::string_view own);

}  // namespace vminit::shim
