// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"
#include "pod_setup.hpp"
#include "shim_container.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::shim {

/// What the Sandbox API does with a VM.
class pod_machine {
public:
    virtual ~pod_machine() = default;

    /// From now on there are containers only while a pod runs: not before `start_pod`, nor after `end_pod`.
    virtual void expect_pod() = 0;

    /// Boots the VM, and starts the container that holds the pod's namespaces, whose end is the pod's. Undone when a
    /// step fails. Errors: those of each step.
    virtual awaitable<result<std::shared_ptr<shim_container>>> start_pod(pod_setup pod) = 0;

    /// Ends the VM; all processes count as killed. Not twice at a time. Idempotent.
    virtual awaitable<void> end_pod() = 0;

    /// After `end_pod`: gives back what is left of its containers.
    virtual awaitable<void> forget_containers() = 0;

    /// Of all containers together. Errors: unavailable; the guest's.
    virtual awaitable<result<io::containerd::cgroups::v2::Metrics>> pod_metrics() = 0;

    virtual std::uint32_t vmm_pid() const noexcept = 0;
};

}  // namespace vminit::shim
