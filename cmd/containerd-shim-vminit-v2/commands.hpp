// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bootstrap.hpp"
#include "shim_config.hpp"
#include "vminit/core/result.hpp"

/// What containerd runs this program for; each returns what is to be printed.
namespace vminit::shim {

/// Finds the server of this container's group or makes one, and returns the answer for the daemon. cwd is the bundle.
result<std::string> start_server(const bootstrap& how, const shim_config& config);

/// Clears up after a server that is gone: its VM, its directory, the bundle's root file system. Returns a
/// DeleteResponse. A server that still answers is left alone: it serves other containers of the pod.
result<std::string> clear_up(const shim_request& request, const shim_config& config);

/// A RuntimeInfo.
std::string runtime_info();

/// The server itself: returns its exit status when it has been told to end.
int serve(const shim_request& request, const shim_config& config);

}  // namespace vminit::shim
