// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"
#include "vminit/process/cgroup_metrics.hpp"

namespace vminit::api {

/// What Stats answers. pids, cpu, memory, rdma and io are always present, if empty; the rest as in `metrics`.
io::containerd::cgroups::v2::Metrics to_message(const process::cgroup_metrics& metrics);

}  // namespace vminit::api
