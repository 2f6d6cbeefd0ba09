// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup_text.hpp"

#include "vminit/core/text.hpp"

namespace vminit::process {

namespace {
constexpr std::string_view blank = " \t\n\r\v\f";
}

std::string_view take_line(std::string_view& text) noexcept { return take_until(text, '\n'); }

std::string_view take_field(std::string_view& line) noexcept {
    auto begin = line.find_first_not_of(blank);
    if (begin == std::string_view::npos) return line = {};
    line.remove_prefix(begin);
    auto field = line.substr(0, line.find_first_of(blank));
    line.remove_prefix(field.size());
    return field;
}

std::optional<key_and_value> split_pair(std::string_view field) noexcept {
    auto sign = field.find('=');
    if (sign == std::string_view::npos || field.find('=', sign + 1) != std::string_view::npos) return std::nullopt;
    return key_and_value{field.substr(0, sign), field.substr(sign + 1)};
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept {
    return parse_number<std::uint64_t>(text);
}

std::optional<std::uint64_t> parse_counter(std::string_view text) noexcept {
    if (!text.starts_with('-')) return parse_unsigned(text);
    text.remove_prefix(1);
    bool is_number = !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
    return is_number ? std::optional<std::uint64_t>(0) : std::nullopt;
}

}  // namespace vminit::process
