// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "process/cgroup_text.hpp"

namespace vminit::process {

/// One `key value` line; nothing unless it has exactly these two fields and the value is a number.
struct key_value_line {
    std::string_view key;
    std::uint64_t value;
};
std::optional<key_value_line> parse_key_value_line(std::string_view line) noexcept;

/// Which key of a file like cpu.stat fills which member of `Stat`.
template <class Stat>
struct counter {
    std::string_view key;
    std::uint64_t Stat::* member;
};

/// Fills `into` from text like that of cpu.stat, memory.stat and memory.events. Malformed lines are skipped and unknown
/// keys ignored. Returns how many well-formed lines there were, known or not.
template <class Stat>
std::size_t parse_key_values(std::string_view text, std::span<const counter<Stat>> counters, Stat& into) noexcept {
    std::size_t lines = 0;
    while (!text.empty()) {
        auto line = parse_key_value_line(take_line(text));
        if (!line) continue;
        ++lines;
        for (const auto& [key, member] : counters) {
            if (key == line->key) into.*member = line->value;
        }
    }
    return lines;
}

}  // namespace vminit::process
