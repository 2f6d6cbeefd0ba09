// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/text.hpp"

#include <algorithm>

namespace vminit {

std::string_view take_until(std::string_view& rest, char separator) noexcept {
    auto end = std::min(rest.find(separator), rest.size());
    auto taken = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return taken;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> pieces;
    for (;;) {
        auto end = text.find(separator);
        pieces.push_back(text.substr(0, end));
        if (end == std::string_view::npos) return pieces;
        text.remove_prefix(end + 1);
    }
}

std::vector<std::string_view> words_of(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n\f\v";
    std::vector<std::string_view> words;
    for (auto start = text.find_first_not_of(blank); start != std::string_view::npos;) {
        auto end = std::min(text.find_first_of(blank, start), text.size());
        words.push_back(text.substr(start, end - start));
        start = text.find_first_not_of(blank, end);
    }
    return words;
}

std::string lower_case(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return lowered;
}

}  // namespace vminit
