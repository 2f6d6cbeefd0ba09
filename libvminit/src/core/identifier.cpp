// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/identifier.hpp"

namespace vminit {

namespace {

bool is_alphanumeric(char c) noexcept { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

bool is_separator(char c) noexcept { return c == '.' || c == '_' || c == '-'; }

}  // namespace

bool is_identifier(std::string_view text) noexcept {
    if (text.empty() || text.size() > max_identifier_length) return false;
    bool after_separator = true;
    for (char c : text) {
        if (is_separator(c) && after_separator) return false;
        if (!is_separator(c) && !is_alphanumeric(c)) return false;
        after_separator = is_separator(c);
    }
    return !after_separator;
}

}  // namespace vminit
