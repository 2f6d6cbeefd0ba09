// SPDX-License-Identifier: Apache-2.0
#include "runc/number_list.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "vminit/core/file.hpp"
#include "vminit/core/text.hpp"

namespace vminit::runc {

namespace {

struct range {
    std::uint32_t first, last;
};

std::optional<std::uint32_t> number(std::string_view text) { return parse_number<std::uint32_t>(text); }

std::optional<std::vector<range>> ranges_of(std::string_view text) {
    std::vector<range> ranges;
    for (text = trimmed(text); !text.empty();) {
        auto end = std::min(text.find(','), text.size());
        auto item = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        auto dash = item.find('-');
        auto first = number(item.substr(0, dash));
        auto last = dash == std::string_view::npos ? first : number(item.substr(dash + 1));
        if (!first || !last || *first > *last) return std::nullopt;
        ranges.push_back({*first, *last});
    }
    return ranges;
}

}  // namespace

std::optional<common_part> common_numbers(std::string_view wanted, std::string_view present) {
    auto ours = ranges_of(wanted), theirs = ranges_of(present);
    if (!ours || !theirs) return std::nullopt;
    common_part common;
    for (const auto& one : *ours) {
        bool is_whole = false;
        for (const auto& other : *theirs) {
            auto first = std::max(one.first, other.first), last = std::min(one.last, other.last);
            if (first > last) continue;
            is_whole = is_whole || (first == one.first && last == one.last);
            if (!common.text.empty()) common.text += ',';
            common.text += std::to_string(first);
            if (last > first) common.text += '-' + std::to_string(last);
        }
        common.is_all = common.is_all && is_whole;
    }
    return common;
}

}  // namespace vminit::runc
