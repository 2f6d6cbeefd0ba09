// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "commands.hpp"
#include "github.com/containerd/containerd/api/types/introspection.pb.h"
#include "rootfs_plan.hpp"

namespace vminit::shim {

std::string runtime_info() {
    containerd::types::RuntimeInfo info;
    info.set_name("io.containerd.vminit.v2");
    info.mutable_version()->set_version(VMINIT_VERSION);
    // Read by 2.2 and 2.3; later daemons read it in the answer of `start`.
    auto& mounts = (*info.mutable_annotations())["containerd.io/runtime-allow-mounts"];
    for (auto transform : guest_mount_transforms) mounts.append(transform).append("/*,");
    mounts += fmt::format("{}", fmt::join(guest_mount_types, ","));
    return info.SerializeAsString();
}

}  // namespace vminit::shim
