// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/kernel_cmdline.hpp"

#include <algorithm>

#include "vminit/core/file.hpp"

namespace vminit {

kernel_cmdline::kernel_cmdline(std::string_view text) {
    std::string word;
    bool is_quoted = false;
    auto finish = [&] {
        if (!word.empty()) words_.push_back(std::move(word));
        word.clear();
    };
    for (char c : text) {
        bool is_blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (c == '"') {
            is_quoted = !is_quoted;
        } else if (is_blank && !is_quoted) {
            finish();
        } else {
            word.push_back(c);
        }
    }
    finish();
    words_.erase(std::find(words_.begin(), words_.end(), "--"), words_.end());
}

result<kernel_cmdline> kernel_cmdline::read() {
    auto text = read_file("/proc/cmdline");
    if (!text) return text.error();
    return kernel_cmdline(*text);
}

std::optional<std::string_view> kernel_cmdline::value(std::string_view key) const noexcept {
    for (std::string_view word : words_) {
        if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=') {
            return word.substr(key.size() + 1);
        }
    }
    return std::nullopt;
}

std::vector<std::string_view> kernel_cmdline::values(std::string_view key) const {
    std::vector<std::string_view> all;
    for (std::string_view word : words_) {
        if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=') {
            all.push_back(word.substr(key.size() + 1));
        }
    }
    return all;
}

bool kernel_cmdline::has_flag(std::string_view key) const noexcept {
    return std::any_of(words_.begin(), words_.end(), [&](std::string_view word) { return word == key; }) ||
           value(key) == "1";
}

bool kernel_cmdline::has_prefix(std::string_view prefix) const noexcept {
    return std::any_of(words_.begin(), words_.end(), [&](std::string_view word) { return word.starts_with(prefix); });
}

}  // namespace vminit
