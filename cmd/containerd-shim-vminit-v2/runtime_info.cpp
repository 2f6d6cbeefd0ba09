#include "commands.hpp"
#include "github.com/containerd/containerd/api/types/introspection.pb.h"

namespace vminit::shim {

std::string runtime_info() {
    containerd::types::RuntimeInfo info;
    info.set_name("io.containerd.vminit.v2");
    info.mutable_version()->set_version(VMINIT_VERSION);
    // What the daemon need not mount on this machine: the files are disks (`plan_rootfs`).
    (*info.mutable_annotations())["containerd.io/runtime-allow-mounts"] = "mkdir/*,format/*,erofs,ext4";
    return info.SerializeAsString();
}

}  // namespace vminit::shim
