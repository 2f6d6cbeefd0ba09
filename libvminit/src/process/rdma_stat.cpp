// SPDX-License-Identifier: Apache-2.0
#include "process/rdma_stat.hpp"

#include <limits>

#include "process/cgroup_text.hpp"

namespace vminit::process {

namespace {

constexpr std::uint32_t no_limit = std::numeric_limits<std::uint32_t>::max();

void store(std::string_view field, rdma_entry& entry) noexcept {
    auto pair = split_pair(field);
    if (!pair) return;
    auto value = pair->value == "max" ? no_limit : parse_unsigned(pair->value);
    if (!value || *value > no_limit) return;
    if (pair->key == "hca_handle") entry.hca_handles = static_cast<std::uint32_t>(*value);
    if (pair->key == "hca_object") entry.hca_objects = static_cast<std::uint32_t>(*value);
}

}  // namespace

std::vector<rdma_entry> parse_rdma_stat(std::string_view text) {
    std::vector<rdma_entry> entries;
    while (!text.empty() && entries.size() < max_rdma_entries) {
        auto line = take_line(text);
        auto device = take_field(line);
        auto first = take_field(line);
        auto second = take_field(line);
        if (second.empty() || !take_field(line).empty()) continue;
        auto& entry = entries.emplace_back();
        entry.device = device;
        store(first, entry);
        store(second, entry);
    }
    return entries;
}

}  // namespace vminit::process
