// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// The numbers of the descriptors that QEMU inherits: connected Unix sockets, so that nothing has to wait for a path to
/// appear.
inline constexpr int monitor_descriptor = 3;
inline constexpr int console_descriptor = 4;

/// Pieces of memory that can be plugged in: each is a region of its own for vhost-user devices, of which QEMU gives
/// them 8.
inline constexpr unsigned memory_slots = 5;

/// QEMU's command line for `plan`, program first. Pure. Errors: invalid_argument naming what does not fit.
result<std::vector<std::string>> qemu_command(const vm_plan& plan, accelerator accel);

/// The kernel's command line that is part of it.
std::string kernel_command_line(const vm_plan& plan);

/// The QMP arguments of `blockdev-add` and `device_add` for a disk in the spare slot `slot`, as JSON.
std::string blockdev_arguments(const disk& added);
std::string device_arguments(const disk& added, unsigned slot);

/// Those of `chardev-add` and `device_add` for a share.
std::string chardev_arguments(const vm_plan& plan, const share& added);
std::string device_arguments(const share& added, unsigned slot);

/// What the plan's check says of a share alone. Errors: invalid_argument.
result<void> check_share(const share& shared);

/// Where vhost-device-vsock meets QEMU, and where clients meet it.
std::string vhost_socket(const vm_plan& plan);
std::string vsock_socket(const vm_plan& plan);

}  // namespace vminit::vmm
