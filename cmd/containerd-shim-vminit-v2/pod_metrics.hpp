// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"

namespace vminit::shim {

/// Adds what `each` uses of processors, memory and processes to `total`; limits and the rest of it are a container's
/// own. Pure.
void add_metrics(io::containerd::cgroups::v2::Metrics& total, const io::containerd::cgroups::v2::Metrics& each);

}  // namespace vminit::shim
