// SPDX-License-Identifier: Apache-2.0
#include "process/single_value.hpp"

#include <limits>

#include "process/cgroup_text.hpp"
#include "vminit/core/file.hpp"

namespace vminit::process {

std::optional<std::uint64_t> parse_single_value(std::string_view text) noexcept {
    auto value = trimmed(text.substr(0, single_value_size));
    if (value == "max") return std::numeric_limits<std::uint64_t>::max();
    return parse_counter(value);
}

}  // namespace vminit::process
