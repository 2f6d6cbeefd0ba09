// SPDX-License-Identifier: Apache-2.0
#include "setting_docs.hpp"

#include <fmt/format.h>

#include "settings.hpp"

namespace vminit::vminitd {

namespace {

constexpr std::string_view marker = "generated from the table of settings";

std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
    std::string out;
    for (auto at = text.find(what); at != std::string_view::npos; at = text.find(what)) {
        out.append(text.substr(0, at)).append(by);
        text.remove_prefix(at + what.size());
    }
    return out.append(text);
}

std::string range_of(const setting& row) {
    if (!std::holds_alternative<std::uint32_t settings::*>(row.member)) return {};
    if (row.min == 0 && row.max == std::numeric_limits<std::uint32_t>::max()) return {};
    return fmt::format("{} to {}", row.min, row.max);
}

std::string rule_of(const setting& row) {
    switch (row.rule) {
        case text_rule::any: return {};
        case text_rule::path: return "absolute";
        case text_rule::deep_directory: return "absolute, two levels or more";
    }
    return {};
}

/// What a value must be, in words.
std::string limits_of(const setting& row) {
    if (!row.choices.empty()) return replaced(row.choices, "|", ", ");
    auto range = range_of(row);
    return range.empty() ? rule_of(row) : range;
}

std::string flag_of(const setting& row) {
    return fmt::format("-{}{}{}", row.flag, row.value.empty() ? "" : "=", row.value);
}

std::string in_code(std::string_view text) { return text.empty() ? std::string() : fmt::format("`{}`", text); }

std::string for_man(std::string_view text) { return replaced(replaced(text, "\\", "\\e"), "-", "\\-"); }

}  // namespace

std::string markdown_of_settings() {
    std::string text = "| flag | JSON key | default | must be | what |\n|---|---|---|---|---|\n";
    for (const auto& row : setting_table()) {
        text += fmt::format("| `{}` | {} | {} | {} | {} |\n", flag_of(row), in_code(row.key), in_code(default_text(row)),
                            limits_of(row), row.help);
    }
    return text;
}

std::string man_of_settings() {
    std::string text;
    for (const auto& row : setting_table()) {
        text += fmt::format(".TP\n.B {}\n{}.", for_man(flag_of(row)), for_man(row.help));
        if (auto limits = limits_of(row); !limits.empty()) text += " Must be: " + for_man(limits) + ".";
        if (auto value = default_text(row); !value.empty()) text += " Default: " + for_man(value) + ".";
        text += "\n";
    }
    return text;
}

result<std::string> with_settings(std::string_view page) {
    auto begin = page.find(marker);
    auto end = begin == std::string_view::npos ? begin : page.find(marker, begin + marker.size());
    if (end == std::string_view::npos) return error(errc::invalid_argument, "the page has no two marker lines");
    auto line = page.find('\n', begin);
    if (line > end) return error(errc::invalid_argument, "the markers are on one line");
    begin = line + 1;
    end = page.rfind('\n', end) + 1;
    bool is_man = page.starts_with('.');
    return std::string(page.substr(0, begin)) + (is_man ? man_of_settings() : markdown_of_settings()) +
           std::string(page.substr(end));
}

}  // namespace vminit::vminitd
