// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "github.com/containerd/containerd/api/runtime/sandbox/v1/sandbox.pb.h"
#include "vminit/core/result.hpp"

namespace vminit::shim {

/// What this machine says where a pod's configuration does not.
struct host_identity {
    std::string hostname;
    std::string hosts;        ///< /etc/hosts
    std::string resolv_conf;  ///< /etc/resolv.conf
};
host_identity read_host_identity();

/// A pod of the Sandbox API, where the runtime makes what a pause container would stand for.
struct pod_setup {
    std::string id;
    std::string bundle;
    std::string config_json;  ///< the spec of a container that holds the pod's namespaces, in this machine's terms
    std::map<std::string, std::string> files;  ///< what each container finds at these places, unless it has its own
};

/// In the guest: the initrd's program, which PID 1 runs, and how it is told to do nothing but be there.
inline constexpr auto holder_source = "/init";
inline constexpr auto holder_program = "/pause";
inline constexpr auto holder_option = "--hold-namespaces";

/// From the request, whose options are CRI's PodSandboxConfig, or nothing. Pure. Errors: invalid_argument for options
/// of another type.
result<pod_setup> make_pod_setup(const containerd::runtime::sandbox::v1::CreateSandboxRequest& request,
                                 const host_identity& host);

}  // namespace vminit::shim
