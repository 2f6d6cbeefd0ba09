// SPDX-License-Identifier: Apache-2.0
#include "process/io_stat.hpp"

#include <optional>

#include "process/cgroup_text.hpp"

namespace vminit::process {

namespace {

std::optional<io_entry> parse_device(std::string_view field) noexcept {
    auto colon = field.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto major = parse_unsigned(field.substr(0, colon));
    auto minor = parse_unsigned(field.substr(colon + 1));
    if (!major || !minor) return std::nullopt;
    io_entry entry;
    entry.major = *major;
    entry.minor = *minor;
    return entry;
}

void store(const key_and_value& pair, io_entry& entry) noexcept {
    auto value = parse_unsigned(pair.value);
    if (!value) return;
    if (pair.key == "rbytes") entry.rbytes = *value;
    if (pair.key == "wbytes") entry.wbytes = *value;
    if (pair.key == "rios") entry.rios = *value;
    if (pair.key == "wios") entry.wios = *value;
}

}  // namespace

std::vector<io_entry> parse_io_stat(std::string_view text) {
    std::vector<io_entry> entries;
    while (!text.empty() && entries.size() < max_io_entries) {
        auto line = take_line(text);
        auto device = take_field(line);
        auto field = take_field(line);
        if (field.empty()) continue;
        auto entry = parse_device(device);
        if (!entry) break;
        bool has_pair = false;
        for (; !field.empty(); field = take_field(line)) {
            auto pair = split_pair(field);
            if (pair) store(*pair, *entry);
            has_pair = has_pair || pair.has_value();
            if (auto next = parse_device(field); next && !has_pair) entry = next;
        }
        if (has_pair) entries.push_back(*entry);
    }
    return entries;
}

}  // namespace vminit::process
