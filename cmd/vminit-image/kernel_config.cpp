// SPDX-License-Identifier: Apache-2.0
#include "kernel_config.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "archive.hpp"
#include "vminit/core/file.hpp"

namespace vminit::image {

namespace {

constexpr std::size_t largest_config = std::size_t{4} << 20;
constexpr std::string_view optional_mark = "optional:";

template <class Take>
void for_each_line(std::string_view text, Take take) {
    while (!text.empty()) {
        auto end = std::min(text.find('\n'), text.size());
        take(trimmed(text.substr(0, end)));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

bool is_option(std::string_view line) {
    return line.starts_with("CONFIG_") && line.find('=') != std::string_view::npos;
}

need_state state_of(const kernel_need& need, const std::string& found) {
    if (found == need.value) return need_state::met;
    return need.value == "y" && found == "m" ? need_state::as_module : need_state::missing;
}

}  // namespace

std::vector<kernel_need> parse_fragment(const kernel_fragment& fragment) {
    std::vector<kernel_need> needs;
    std::string reason;
    bool is_in_comment = false;
    for_each_line(fragment.text, [&](std::string_view line) {
        if (line.starts_with('#')) {
            if (!is_in_comment) reason.clear();
            is_in_comment = true;
            auto words = trimmed(line.substr(1));
            reason += (reason.empty() ? "" : " ") + std::string(words);
        } else if (is_option(line)) {
            is_in_comment = false;
            kernel_need need;
            need.subject = fragment.name;
            need.option = line.substr(0, line.find('='));
            need.value = line.substr(line.find('=') + 1);
            need.is_optional = reason.starts_with(optional_mark);
            need.reason = trimmed(need.is_optional ? std::string_view(reason).substr(optional_mark.size()) : reason);
            needs.push_back(std::move(need));
        } else {
            is_in_comment = false;  // an empty line ends a comment
        }
    });
    return needs;
}

kernel_config parse_kernel_config(std::string_view text) {
    kernel_config config;
    for_each_line(text, [&](std::string_view line) {
        if (is_option(line)) config.emplace(line.substr(0, line.find('=')), line.substr(line.find('=') + 1));
    });
    return config;
}

result<kernel_config> read_kernel_config(const std::string& path) {
    auto text = decompressed(path, largest_config);
    if (!text) return text.error();
    auto config = parse_kernel_config(*text);
    if (config.empty()) return error(errc::invalid_argument, path + " holds no line CONFIG_...=...");
    return config;
}

result<std::vector<checked_need>> check_kernel(const kernel_config& config,
                                               const std::vector<kernel_fragment>& fragments,
                                               const std::vector<std::string>& subjects) {
    std::vector<checked_need> checked;
    for (const auto& subject : subjects) {
        auto is_named = [&](const kernel_fragment& one) { return one.name == subject; };
        auto fragment = std::find_if(fragments.begin(), fragments.end(), is_named);
        if (fragment == fragments.end()) return error(errc::not_found, "a list of options for \"" + subject + "\"");
        for (auto& need : parse_fragment(*fragment)) {
            auto found = config.find(need.option);
            checked_need one;
            one.found = found == config.end() ? std::string() : found->second;
            one.state = state_of(need, one.found);
            one.need = std::move(need);
            checked.push_back(std::move(one));
        }
    }
    return checked;
}

}  // namespace vminit::image
