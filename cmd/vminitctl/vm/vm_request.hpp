// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vm/vm_settings.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vminitctl {

/// What `vm start` was told. Empty text: what the settings say.
struct vm_request {
    std::string name = "vm";  ///< or a directory, with a `/`
    std::string kernel;
    std::string initrd;
    std::string qemu;
    std::string vsock_device;  ///< `kernel` for /dev/vhost-vsock
    std::string virtiofsd;
    std::vector<vmm::disk> disks;
    std::vector<vmm::share> shares;
    std::vector<vmm::network_card> cards;
    std::vector<std::string> kernel_words;
    std::vector<std::string> init_arguments;
    std::vector<std::string> vmm_words;  ///< each several words
    vmm::machine_type machine = vmm::usual_machine();
    vmm::accelerator accel = vmm::accelerator::automatic;
    std::uint32_t cpus = 1;
    std::uint32_t most_cpus = 0;
    std::uint64_t memory = std::uint64_t{512} << 20;  ///< bytes
    std::uint64_t most_memory = 0;
    std::uint32_t rpc_port = 1024;
    double limit = 60;  ///< seconds until the guest answers
    bool does_not_wait = false;
    bool keeps_logs = false;
    pid_t owner = 0;  ///< a process with which the VM ends; 0: none

    clock::duration boot_limit() const;
};

/// `FILE:SERIAL[:ro|:rw|:snapshot]`; without the last, read-only for `.erofs` and `.squashfs`. Errors:
/// invalid_argument.
result<vmm::disk> parse_disk(std::string_view text);

/// `DIR:TAG`. Errors: invalid_argument.
result<vmm::share> parse_share(std::string_view text);

/// `user`, or `tap:NAME`, `:MAC` behind it if it is not to be a random one. Errors: invalid_argument.
result<vmm::network_card> parse_card(std::string_view text);

result<vmm::machine_type> parse_machine(std::string_view text);
result<vmm::accelerator> parse_accelerator(std::string_view text);

/// The plan for a VM in `directory`. Errors: not_found naming a file or a program that is missing and the option that
/// names another, invalid_argument.
result<vmm::vm_plan> plan_of(const vm_request& request, const vm_settings& settings, const std::string& directory);

}  // namespace vminit::vminitctl
