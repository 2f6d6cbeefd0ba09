// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

/// Small things that are done to text in many places. ASCII: no locale has a say.
namespace vminit {

/// What stands before the first `separator`, or all there is. `rest` loses it, and the separator.
std::string_view take_until(std::string_view& rest, char separator) noexcept;

/// What stands between separators, be it empty: one piece more than there are separators. The pieces are parts of
/// `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

/// What stands between blanks, of any number and kind. The words are parts of `text`.
std::vector<std::string_view> words_of(std::string_view text);

std::string lower_case(std::string_view text);

/// A number, if it is all of `text` and fits.
template <std::integral Number>
std::optional<Number> parse_number(std::string_view text, int base = 10) noexcept {
    Number number = 0;
    const char* end = text.data() + text.size();
    auto parsed = std::from_chars(text.data(), end, number, base);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return number;
}

}  // namespace vminit
