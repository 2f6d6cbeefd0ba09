// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernel_log.hpp"
#include "qmp_client.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// What a guest is at that says nothing and answers nobody, as far as it can be found out.
struct stuck_guest {
    std::string processors;  ///< a few lines each
    kernel_story kernel;

    bool is_known() const { return !kernel.messages.empty(); }

    /// All of it, for people.
    std::string text() const;
};

/// Asks the VMM for the processors' registers, the guest's kernel for its tasks (Alt+SysRq+T, which needs q35's
/// keyboard and the kernel word `sysrq_always_enabled`), and reads the kernel's log out of the guest's memory, of which
/// it looks through the first GiB. Takes seconds and, meanwhile, 128 MiB in the plan's directory.
awaitable<stuck_guest> examine_guest(qmp_client& monitor, vm_plan plan);

}  // namespace vminit::vmm
