// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "vminit/process/cgroup_metrics.hpp"

namespace vminit::process {

inline constexpr std::size_t max_rdma_entries = 256;  ///< adapters: a VM has a few at most

/// The text of rdma.current or rdma.max: `mlx4_0 hca_handle=2 hca_object=max`. Lines that have not exactly three fields
/// are skipped; `max` is 2^32-1; a bad value leaves its number 0.
std::vector<rdma_entry> parse_rdma_stat(std::string_view text);

}  // namespace vminit::process
