// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "vminit/process/cgroup_metrics.hpp"

/// The key-value files of a cgroup, by `parse_key_values`.
namespace vminit::process {

void parse_cpu_stat(std::string_view text, cpu_stat& into) noexcept;
void parse_memory_stat(std::string_view text, memory_stat& into) noexcept;

/// Nothing without a single well-formed line.
std::optional<memory_events> parse_memory_events(std::string_view text) noexcept;

/// The key `max` of hugetlb.<size>.events.
std::uint64_t parse_hugetlb_failures(std::string_view text) noexcept;

}  // namespace vminit::process
