// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "pod_machine.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::shim {

/// containerd's Sandbox API (`sandboxer = "shim"`): one pod for each shim. Stop ends the VM, and all that runs in it;
/// the status stays until Shutdown, which gives everything back and calls `on_shutdown`, once. A Stop or a Shutdown
/// during a Start waits for it. The machine outlives the service.
std::shared_ptr<ttrpc::service_base> make_sandbox_front(asio::io_context& context, pod_machine& machine,
                                                        std::function<void()> on_shutdown);

}  // namespace vminit::shim
