// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "guest_link.hpp"
#include "shim_config.hpp"
#include "spec_facts.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/vmm/virtual_machine.hpp"

namespace vminit::shim {

/// What this machine has: the most that a VM gets where the configuration does not say.
vmm::vm_size machine_size();

/// How big the VM of some containers has to be: what the first one's annotations or the configuration say, or what all
/// containers may use at most together, where that is more. Pure. Errors: resource_exhausted beyond `most`.
result<vmm::vm_size> vm_size_for(vmm::vm_size usual, resource_limits total, vmm::vm_size most);

/// What the containers of one VM may use, and the VM's growth with it.
class vm_resources {
public:
    vm_resources(asio::io_context& context, const shim_config& config, vmm::vm_size machine = machine_size());

    /// The VM's size at boot, for its first container. Errors: resource_exhausted.
    result<vmm::vm_size> boot_size(const spec_facts& first);
    vmm::vm_size most() const noexcept { return most_; }

    /// Called with the new size when the VM has been given more, before the guest uses it. An error ends the growth.
    using growth_step = std::function<awaitable<result<void>>(vmm::vm_size)>;
    void before_online(growth_step step) { before_online_ = std::move(step); }

    /// Makes room for container `id` with these limits: what is missing is plugged into the VM and brought online by
    /// the guest. One after the other; the VM never shrinks. Errors: resource_exhausted naming the limit, those of
    /// `virtual_machine::grow` and of the guest. The old limits count after an error.
    awaitable<result<void>> fit(std::string id, resource_limits limits, std::shared_ptr<vmm::virtual_machine> vm,
                                guest_link::calls guest);

    /// None for an unknown one.
    resource_limits limits_of(const std::string& id) const;
    void forget(const std::string& id) { limits_.erase(id); }

private:
    awaitable<result<void>> grow(vmm::vm_size wanted, std::shared_ptr<vmm::virtual_machine> vm,
                                 guest_link::calls guest);
    awaitable<result<void>> bring_online(vmm::vm_size size, std::uint64_t memory_end, guest_link::calls guest);
    resource_limits total_with(const std::string& id, resource_limits limits) const;

    vmm::vm_size usual_;
    vmm::vm_size most_;
    vmm::vm_size online_;
    resource_limits pod_;
    std::map<std::string, resource_limits> limits_;
    growth_step before_online_;
    bool is_busy_ = false;
    condition free_;
};

}  // namespace vminit::shim
