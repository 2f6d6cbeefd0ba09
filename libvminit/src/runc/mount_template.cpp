// SPDX-License-Identifier: Apache-2.0
#include "runc/mount_template.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "runc/in_quotes.hpp"
#include "vminit/core/text.hpp"

namespace vminit::runc {

namespace {

using active_mounts = std::span<const active_mount>;

error failed(std::string text) { return error(errc::unknown, std::move(text)); }

std::string active_text(active_mounts active) { return ", has " + std::to_string(active.size()) + " active mounts"; }

// A decimal number; one that does not fit is beyond every index.
std::optional<std::size_t> number_of(std::string_view word) {
    std::size_t number = 0;
    auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (word.empty() || end != word.data() + word.size()) return std::nullopt;
    return code == std::errc::result_out_of_range ? SIZE_MAX : number;
}

result<std::string> one(std::string_view kind, std::string_view word, std::size_t index, active_mounts active) {
    if (index >= active.size()) {
        return failed(std::string(kind) + " pattern: index out of bounds: " + std::string(word) + active_text(active));
    }
    const auto& mount = active[index];
    return kind == "source" ? mount.source : kind == "target" ? mount.target : mount.mount_point;
}

result<std::string> overlay(std::span<const std::string_view> words, std::size_t from, std::size_t to,
                            active_mounts active) {
    if (from >= active.size() || to >= active.size()) {
        return failed("overlay pattern: invalid range: " + std::string(words[1]) + "-" + std::string(words[2]) +
                      active_text(active));
    }
    auto joined = active[from].mount_point;
    while (from != to) {
        from = from < to ? from + 1 : from - 1;
        joined += ":" + active[from].mount_point;
    }
    return joined;
}

// What stands between `{{` and `}}`; nothing if it is no pattern of ours.
std::optional<result<std::string>> expand_one(std::string_view inside, active_mounts active) {
    auto words = words_of(inside);
    if (words.size() < 2) return std::nullopt;
    auto first = number_of(words[1]);
    if (!first) return std::nullopt;
    auto kind = words[0];
    if (words.size() == 2 && (kind == "source" || kind == "target" || kind == "mount")) {
        return one(kind, words[1], *first, active);
    }
    auto second = words.size() == 3 ? number_of(words[2]) : std::nullopt;
    if (!second || kind != "overlay") return std::nullopt;
    return overlay(words, *first, *second, active);
}

result<void> expand_in_place(std::string& text, std::string_view what, active_mounts active) {
    auto expanded = expand_templates(text, active);
    if (!expanded) return expanded.error().within("formatting mount " + std::string(what) + " " + in_quotes(text));
    text = std::move(*expanded);
    return {};
}

}  // namespace

result<std::string> expand_templates(std::string_view text, active_mounts active) {
    std::string out;
    std::string_view rest = text;
    for (;;) {
        auto open = rest.find("{{");
        if (open == std::string_view::npos) break;
        auto close = rest.find("}}", open);
        if (close == std::string_view::npos) return failed("unsupported format pattern in " + in_quotes(text));
        auto value = expand_one(rest.substr(open + 2, close - open - 2), active);
        if (!value) return failed("unsupported format pattern in " + in_quotes(text));
        if (!*value) return value->error();
        out.append(rest.substr(0, open)).append(**value);
        rest.remove_prefix(close + 2);
    }
    return out.append(rest);
}

result<system::mount_entry> format_entry(system::mount_entry entry, active_mounts active) {
    constexpr std::string_view prefix = "format/";
    if (!entry.type.starts_with(prefix)) return entry;
    entry.type.erase(0, prefix.size());
    for (auto& option : entry.options) {
        if (auto done = expand_in_place(option, "option", active); !done) return done.error();
    }
    if (auto done = expand_in_place(entry.source, "source", active); !done) return done.error();
    if (auto done = expand_in_place(entry.target, "target", active); !done) return done.error();
    return entry;
}

}  // namespace vminit::runc
