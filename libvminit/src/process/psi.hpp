// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "vminit/process/cgroup_metrics.hpp"

namespace vminit::process {

/// The text of cpu.pressure, memory.pressure or io.pressure: `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, then
/// `full ...`. Other lines and keys are ignored; nothing at all if a number is malformed.
std::optional<psi_stats> parse_psi(std::string_view text) noexcept;

}  // namespace vminit::process
