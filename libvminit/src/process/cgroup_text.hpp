// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

/// What the text files of cgroup v2 have in common: lines of fields that are separated by white space.
namespace vminit::process {

/// Cuts the first line off `text` and returns it without its newline.
std::string_view take_line(std::string_view& text) noexcept;

/// Cuts the next field off `line` and returns it; empty when there is none.
std::string_view take_field(std::string_view& line) noexcept;

struct key_and_value {
    std::string_view key, value;
};

/// `key=value`; nothing unless there is exactly one `=`.
std::optional<key_and_value> split_pair(std::string_view field) noexcept;

/// The whole of `text` as a decimal number below 2^64; nothing otherwise, a sign included.
std::optional<std::uint64_t> parse_unsigned(std::string_view text) noexcept;

/// As `parse_unsigned`, but a negative number is 0: the kernel prints some counters that lag behind each other so.
std::optional<std::uint64_t> parse_counter(std::string_view text) noexcept;

}  // namespace vminit::process
