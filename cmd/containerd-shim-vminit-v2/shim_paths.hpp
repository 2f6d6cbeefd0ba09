// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::shim {

/// Which shim a container belongs to, and where that shim's things are: the same for every call of this program.
struct shim_paths {
    std::string socket;  ///< the server's
    std::string vm;      ///< the VM's directory
};

/// Annotations that put several containers into one shim: containerd's own, then the Kubernetes pod's. Their value, or
/// the container's own id. Pure: `config_json` is the bundle's.
std::string group_of(std::string_view config_json, std::string_view id);

/// Names are short and the same for the same daemon, namespace and group: a version 5 UUID of the three.
shim_paths paths_of(std::string_view socket_directory, std::string_view state_directory, std::string_view grpc_address,
                    std::string_view space, std::string_view group);

/// The same from the server's address, as the bundle's file `address` has it. Errors: invalid_argument.
result<shim_paths> paths_at(std::string_view address, std::string_view state_directory);

}  // namespace vminit::shim
