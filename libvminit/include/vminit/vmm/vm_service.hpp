// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/vmm/virtual_machine.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// How long a boot may take until the guest answers.
struct boot_limits {
    clock::duration kvm =
        std::chrono::seconds(10);  ///< it takes less than one; a guest that hangs under KVM is not waited for longer
    clock::duration tcg = std::chrono::seconds(60);
};

/// Boots VMs on this machine.
///
/// The VMM and its helpers are children in sessions of their own, and die with this process (PR_SET_PDEATHSIG): the
/// thread that boots must live as long as the VMs. At the context's shutdown all that still run are killed.
class vm_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit vm_service(asio::execution_context& context);
    ~vm_service() override;

    /// Boots `plan` and returns when the guest has answered its first ping. With `accelerator::automatic` KVM is tried
    /// first if /dev/kvm opens, and what came of it is remembered in the file `memory` (empty: not remembered).
    ///
    /// What keeps PID 1 from running is no fault of the guest's: a kernel that has not started it at the limit, and a
    /// vhost-device-vsock that moves no packets, get a second boot with a limit of its own.
    ///
    /// Errors: invalid_argument (the plan), not_found (no such VMM), unavailable with the console's last lines when the
    /// guest does not get as far as serving, deadline_exceeded the same after the limit; of these two the first line is
    /// a sentence. What the kernel of a guest that hangs is at, if that could be found out, is in the file `kernel.log`
    /// of the plan's directory. Nothing is left running then. Cancellation ends the boot the same way.
    awaitable<result<std::shared_ptr<virtual_machine>>> boot(vm_plan plan, boot_limits limits, std::string memory);

    /// The same without waiting for the guest: returns when the VMM runs. `accelerator::automatic` is what `memory`
    /// says, else TCG.
    awaitable<result<std::shared_ptr<virtual_machine>>> start(vm_plan plan, std::string memory);

private:
    void shutdown() noexcept override;

    class implementation;
    std::unique_ptr<implementation> impl_;
};

/// Connects and sends ten zero bytes, an incomplete request that any ttrpc server refuses: the guest serves. Errors:
/// those of connect, unavailable (lost), internal (not ttrpc), deadline_exceeded.
awaitable<result<void>> ping(ttrpc::address where, clock::duration limit);

}  // namespace vminit::vmm
