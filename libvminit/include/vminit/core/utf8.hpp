// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace vminit {

/// True for well-formed UTF-8 as proto3 strings and JSON must be: no surrogates, no overlong forms, at most U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// `text` cut to at most `limit` bytes, with U+FFFD for every byte that is not UTF-8.
std::string as_utf8(std::string_view text, std::size_t limit);

/// Takes the first character from the front of `text`, which is not empty: its bytes, or those of U+FFFD for one byte
/// that is not UTF-8.
std::string_view take_utf8(std::string_view& text) noexcept;

}  // namespace vminit
