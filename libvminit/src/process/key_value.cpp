// SPDX-License-Identifier: Apache-2.0
#include "process/key_value.hpp"

namespace vminit::process {

std::optional<key_value_line> parse_key_value_line(std::string_view line) noexcept {
    auto key = take_field(line);
    auto value = parse_counter(take_field(line));
    if (!value || !take_field(line).empty()) return std::nullopt;
    return key_value_line{key, *value};
}

}  // namespace vminit::process
