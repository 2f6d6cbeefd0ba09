// SPDX-License-Identifier: Apache-2.0
#include "module_parameters.hpp"

#include <algorithm>

namespace vminit::system {

namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string module_name(std::string_view text) {
    std::string name(text);
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

// The first word of `rest`, which loses it. Quotes stay.
std::string_view take_word(std::string_view& rest) {
    while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
    bool is_quoted = false;
    std::size_t length = 0;
    for (; length < rest.size() && (is_quoted || !is_blank(rest[length])); ++length) {
        if (rest[length] == '"') is_quoted = !is_quoted;
    }
    auto word = rest.substr(0, length);
    rest.remove_prefix(length);
    return word;
}

// Quotes around the whole word come to stand around the value, where the kernel takes them off again.
std::string unwrapped(std::string_view word) {
    if (!word.starts_with('"')) return std::string(word);
    word.remove_prefix(1);
    if (word.ends_with('"')) word.remove_suffix(1);
    auto equals = word.find('=');
    if (equals == std::string_view::npos) return std::string(word);
    std::string text(word.substr(0, equals + 1));
    return text + "\"" + std::string(word.substr(equals + 1)) + "\"";
}

}  // namespace

module_parameters::module_parameters(std::string_view cmdline) {
    for (auto word = take_word(cmdline); !word.empty() && word != "--"; word = take_word(cmdline)) read(word);
}

void module_parameters::read(std::string_view word) {
    auto text = unwrapped(word);
    auto dot = std::min(text.find('.'), text.find('='));
    bool names_module = dot > 0 && dot != std::string::npos && text[dot] == '.';
    bool names_parameter = names_module && dot + 1 < text.size() && text[dot + 1] != '=';
    if (!names_parameter) return;
    parameters_.push_back({module_name(std::string_view(text).substr(0, dot)), text.substr(dot + 1)});
}

std::string module_parameters::for_module(std::string_view path) const {
    auto file = path.substr(path.rfind('/') + 1);
    auto name = module_name(file.substr(0, file.find('.')));
    std::string all;
    for (const auto& one : parameters_) {
        if (one.module == name) all += (all.empty() ? "" : " ") + one.text;
    }
    return all;
}

}  // namespace vminit::system
