// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::shim {

enum class shim_action {
    start,    ///< make the server of a container or pod, print its address
    remove,   ///< `delete`: clear up after a shim that is gone
    info,     ///< print what this runtime is
    version,  ///< for people
    serve,    ///< the long-lived server; only `start` calls it so
};

/// What containerd says on the command line and in the environment.
struct shim_request {
    shim_action action = shim_action::start;
    std::string space;              ///< `-namespace`
    std::string id;                 ///< `-id`: the container's, for `serve` the group's
    std::string grpc_address;       ///< `-address`
    std::string ttrpc_address;      ///< TTRPC_ADDRESS
    std::string containerd_binary;  ///< `-publish-binary`
    std::string bundle;             ///< `-bundle`; only for `delete`
    std::string socket;             ///< `-socket`: the server's own, for `serve`
    bool is_debug = false;
    bool knows_json = false;  ///< MAX_SHIM_VERSION is set: the daemon reads JSON answers
};

using environment = std::map<std::string, std::string, std::less<>>;

/// Reads Go-style flags (`-x v`, `-x=v`, `--x`), of which unknown ones are passed over as containerd adds to them.
/// Pure. Errors: invalid_argument for an unknown action or a flag without its value.
result<shim_request> read_command_line(const std::vector<std::string>& arguments, const environment& variables);

/// This process's environment.
environment current_environment();

}  // namespace vminit::shim
