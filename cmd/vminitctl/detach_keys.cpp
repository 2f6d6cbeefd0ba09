// SPDX-License-Identifier: Apache-2.0
#include "detach_keys.hpp"

#include <fmt/format.h>

#include <cctype>
#include <utility>

#include "vminit/core/text.hpp"

namespace vminit::vminitctl {

namespace {

constexpr int control_bits = 0x1f;  // of a key that is pressed together with Ctrl

result<char> key_of(std::string_view text) {
    if (text.size() == 1) return text.front();
    constexpr std::string_view with_control = "ctrl-";
    if (text.size() == with_control.size() + 1 && text.starts_with(with_control)) {
        auto upper = std::toupper(static_cast<unsigned char>(text.back()));
        if (upper >= '@' && upper <= '_') return static_cast<char>(upper & control_bits);
    }
    return error(errc::invalid_argument, fmt::format("\"{}\" is no key: ctrl-X, or a single character", text));
}

}  // namespace

result<detach_keys> detach_keys::parse(std::string_view text) {
    detach_keys parsed;
    if (text.empty()) return parsed;
    for (auto piece : split(text, ',')) {
        auto key = key_of(piece);
        if (!key) return key.error();
        parsed.keys_.push_back(*key);
    }
    return parsed;
}

std::string detach_keys::pass(std::string_view typed) {
    if (keys_.empty()) return std::string(typed);
    std::string passed;
    for (char byte : typed) {
        if (is_complete()) break;
        auto held = keys_.substr(0, matched_) + byte;
        while (!keys_.starts_with(held)) {
            passed.push_back(held.front());
            held.erase(0, 1);
        }
        matched_ = held.size();
    }
    return passed;
}

std::string detach_keys::rest() {
    if (is_complete()) return {};
    return keys_.substr(0, std::exchange(matched_, 0));
}

}  // namespace vminit::vminitctl
