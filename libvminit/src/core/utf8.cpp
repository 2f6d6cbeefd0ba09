// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/utf8.hpp"

#include <algorithm>

namespace vminit {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

// The bytes of a well-formed sequence that `lead` starts, and the range its second byte must be in (Unicode, table 3-7).
struct utf8_form {
    std::size_t length;
    unsigned char second_low;
    unsigned char second_high;
};

utf8_form form_of(unsigned char lead) noexcept {
    if (lead < 0x80) return {1, 0, 0};
    if (lead < 0xc2) return {0, 0, 0};
    if (lead < 0xe0) return {2, 0x80, 0xbf};
    if (lead == 0xe0) return {3, 0xa0, 0xbf};
    if (lead == 0xed) return {3, 0x80, 0x9f};
    if (lead < 0xf0) return {3, 0x80, 0xbf};
    if (lead == 0xf0) return {4, 0x90, 0xbf};
    if (lead < 0xf4) return {4, 0x80, 0xbf};
    if (lead == 0xf4) return {4, 0x80, 0x8f};
    return {0, 0, 0};
}

// The length of the well-formed sequence that `text` starts with; 0 for none.
std::size_t sequence_length(std::string_view text) noexcept {
    auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
    auto form = form_of(byte(0));
    if (form.length == 0 || text.size() < form.length) return 0;
    if (form.length > 1 && (byte(1) < form.second_low || byte(1) > form.second_high)) return 0;
    for (std::size_t i = 2; i < form.length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    return form.length;
}

}  // namespace

std::string_view take_utf8(std::string_view& text) noexcept {
    auto length = sequence_length(text);
    auto piece = length == 0 ? replacement : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
    return piece;
}

bool is_utf8(std::string_view text) noexcept {
    auto is_beyond_ascii = [](char letter) { return (static_cast<unsigned char>(letter) & 0x80) != 0; };
    text.remove_prefix(
        static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_beyond_ascii) - text.begin()));
    while (!text.empty()) {
        auto length = sequence_length(text);
        if (length == 0) return false;
        text.remove_prefix(length);
    }
    return true;
}

std::string as_utf8(std::string_view text, std::size_t limit) {
    std::string out;
    while (!text.empty()) {
        auto piece = take_utf8(text);
        if (out.size() + piece.size() > limit) break;
        out.append(piece);
    }
    return out;
}

}  // namespace vminit
