// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::vmm {

/// Starts the plan's vhost-device-vsock into `device` and returns when QEMU can connect to it. Errors: those of launch,
/// unavailable when it ends at once, deadline_exceeded.
awaitable<result<void>> start_vsock_device(asio::io_context& context, vm_plan plan, reaper::child& device);

/// Whether that process has the thread that moves packets. It can lose it and run on: connections are taken then, and
/// nobody answers any of them (docs/testing.md).
bool moves_packets(pid_t device);

}  // namespace vminit::vmm
