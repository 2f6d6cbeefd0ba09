// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::shim {

/// The cgroup of this machine that a VMM and its helpers are in, so that what the VM takes counts where the container's
/// owner looks for it (Kubernetes: below the pod's). The shim itself and the making of images stay outside: a pod's
/// limit is for the VM.
class host_cgroup {
public:
    /// `directory` is the VM's; a file in it tells `delete` what to undo after a shim that was killed. `process` is
    /// where this process's `mountinfo` and `cgroup` are read.
    host_cgroup(asio::io_context& context, std::string directory, std::string process = "/proc/self");

    /// Makes the cgroup that `linux.cgroupsPath` names in every hierarchy, and lets a process enter it once: what the
    /// kernel refuses is known before the VM boots. An empty path makes nothing. Undone when a step fails. Errors:
    /// invalid_argument for the path; errno of each step with its file.
    awaitable<result<void>> prepare(std::string cgroups_path);

    /// Limits what all processes in it may have together. Without a cgroup nothing happens. Errors: not_implemented
    /// where memory cannot be limited; errno.
    awaitable<result<void>> limit_memory(std::uint64_t bytes);

    void add_to(vmm::vm_plan& plan) const;

    /// Removes it, when its processes have ended. What is in use stays, with a line in the log. Idempotent.
    awaitable<void> undo();

private:
    asio::io_context& context_;
    std::string directory_;
    std::string process_;
    std::vector<std::string> made_;
};

/// Removes what the file in a VM's directory tells, and the file. Waits 2 s at most for processes that are about to
/// end. Without a file nothing happens.
awaitable<void> undo_recorded_cgroup(asio::io_context& context, std::string directory);

}  // namespace vminit::shim
