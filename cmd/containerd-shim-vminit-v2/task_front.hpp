// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "sandbox.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::shim {

/// containerd's Task API in front of the guest's: what is this machine's (stdio, disks, pids, exits that have been
/// told) is answered here, the rest by the guest. `on_shutdown` is called when the daemon has asked for the end and
/// nothing is left. The sandbox and the publisher outlive it.
std::shared_ptr<ttrpc::service_base> make_task_front(asio::io_context& context, sandbox& vm,
                                                     std::function<void()> on_shutdown);

}  // namespace vminit::shim
