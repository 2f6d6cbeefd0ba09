#include "commands.hpp"
#include "github.com/containerd/containerd/api/types/introspection.pb.h"

namespace vminit::shim {

std::string runtime_info() {
    containerd::types::RuntimeInfo info;
    info.set_name("io.containerd.vminit.v2");
    info.mutable_version()->set_version(VMINIT_VERSION);
    return info.SerializeAsString();
}

}  // namespace vminit::shim
