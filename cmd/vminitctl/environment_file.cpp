// SPDX-License-Identifier: Apache-2.0
#include "environment_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "vminit/core/file.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::size_t longest_file = std::size_t{4} << 20;

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

bool has_same_name(const std::vector<std::string>& variables, std::string_view variable) {
    return std::any_of(variables.begin(), variables.end(),
                       [&](const std::string& other) { return name_of(other) == name_of(variable); });
}

result<void> take_line(std::string line, std::vector<std::string>& variables) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.front() == '#') return {};
    auto variable = parse_environment(line);
    if (!variable) return variable.error();
    std::erase_if(variables, [&](const std::string& other) { return name_of(other) == name_of(*variable); });
    variables.push_back(std::move(*variable));
    return {};
}

}  // namespace

result<std::string> parse_environment(const std::string& text) {
    bool has_name = !text.empty() && text.front() != '=';
    if (has_name && text.find('\0') == std::string::npos) return text;
    return error(errc::invalid_argument, fmt::format("\"{}\" is not NAME=VALUE or NAME", text));
}

result<std::vector<std::string>> read_environment_file(const std::string& path) {
    auto text = read_file(path, longest_file);
    if (!text) return text.error();
    std::vector<std::string> variables;
    std::string_view rest = *text;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        auto taken = take_line(std::string(line), variables);
        if (!taken) return taken.error().within(fmt::format("{}:{}", path, number));
    }
    return variables;
}

void add_default_environment(std::vector<std::string> defaults, std::vector<std::string>& given) {
    std::erase_if(defaults, [&](const std::string& variable) { return has_same_name(given, variable); });
    given.insert(given.begin(), defaults.begin(), defaults.end());
}

}  // namespace vminit::vminitctl
