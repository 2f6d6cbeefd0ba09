// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vminit::process {

/// What is read of a file with one value: a number below 2^64 and its newline fit.
inline constexpr std::size_t single_value_size = 32;

/// The text of a file like memory.max: `max` is 2^64-1, a negative number 0, what is no number nothing. Looks at the
/// first `single_value_size` bytes.
std::optional<std::uint64_t> parse_single_value(std::string_view text) noexcept;

}  // namespace vminit::process
