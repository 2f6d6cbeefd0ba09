// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace vminit::api {

/// What must be there so that a container or an exec can be started. An empty path is not looked at.
struct start_requirements {
    std::string runtime;        ///< executable; without a directory it is looked up when it is started: not looked at
    std::string runtime_state;  ///< room for its state, here or in the nearest parent that is there
    std::string cgroup_root;    ///< writable
    std::string null_device = "/dev/null";  ///< the runtime opens it by its path
};

/// Tries each. Blocks. Returns what is wrong, joined by "; "; empty if nothing is.
std::string start_obstacles(const start_requirements& wanted);

}  // namespace vminit::api
