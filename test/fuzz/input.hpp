// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace vminit::test {

/// What libFuzzer made up, as text.
inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

/// Cuts what comes before `separator`, or all there is, off `text`.
inline std::string_view take_until(std::string_view& text, char separator) {
    auto end = text.find(separator);
    auto part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return part;
}

/// Takes one byte off `text`; 0 when there is none.
inline std::uint8_t take_byte(std::string_view& text) {
    if (text.empty()) return 0;
    auto byte = static_cast<std::uint8_t>(text.front());
    text.remove_prefix(1);
    return byte;
}

/// What must be true of every input; libFuzzer reports the input for which it is not.
inline void require(bool is_met, const char* what) {
    if (is_met) return;
    std::fprintf(stderr, "not met: %s\n", what);
    std::abort();
}

}  // namespace vminit::test
