// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// Where the daemon of a share and the VMM meet, in the VM's directory.
std::string share_socket(const std::string& directory, const share& shared);

/// The daemon's command line, program first; it gets the listening socket as descriptor 3. Its words are taken by
/// QEMU's own virtiofsd and by the one in Rust. Pure.
std::vector<std::string> share_command(const std::string& virtiofsd, const share& shared);

/// Starts the plan's daemon for a share; it serves when a VMM connects, and ends with that connection or with this
/// process. What it says is in `<directory>/<tag>.log`. Errors: not_found (no such program), errno.
result<reaper::child> start_share_daemon(asio::io_context& context, const vm_plan& plan, const share& shared);

}  // namespace vminit::vmm
