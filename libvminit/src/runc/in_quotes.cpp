// SPDX-License-Identifier: Apache-2.0
#include "runc/in_quotes.hpp"

namespace vminit::runc {

std::string in_quotes(std::string_view text) {
    constexpr std::string_view special = "\a\b\f\n\r\t\v\"\\";
    constexpr std::string_view letters = "abfnrtv\"\\";
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (auto at = special.find(c); at != std::string_view::npos) {
            out.append({'\\', letters[at]});
        } else if (byte < 0x20 || byte == 0x7f) {
            out.append({'\\', 'x', digits[byte >> 4], digits[byte & 15]});
        } else {
            out += c;
        }
    }
    return out + '"';
}

}  // namespace vminit::runc
