// SPDX-License-Identifier: Apache-2.0
#include "quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "vminit/core/text.hpp"

namespace vminit::vminitctl {

namespace {

constexpr auto units = std::to_array<std::string_view>({"B", "KiB", "MiB", "GiB", "TiB"});

std::optional<double> factor_of(std::string_view unit) {
    double factor = 1;
    for (auto name : units) {
        if (unit == name || (name.size() == 3 && (unit == name.substr(0, 1) || unit == name.substr(0, 2))))
            return factor;
        factor *= 1024;
    }
    if (unit.empty()) return 1.0;
    return std::nullopt;
}

struct amount {
    double value;
    std::string_view unit;
};

std::optional<amount> split_amount(std::string_view text) {
    double value = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (failure != std::errc() || !std::isfinite(value) || value < 0) return std::nullopt;
    return amount{value, text.substr(static_cast<std::size_t>(end - text.data()))};
}

}  // namespace

result<std::uint64_t> parse_bytes(std::string_view text) {
    auto parts = split_amount(text);
    auto factor = parts ? factor_of(parts->unit) : std::nullopt;
    if (!factor)
        return error(errc::invalid_argument, fmt::format("\"{}\" is not a size such as 67108864, 64M or 1.5G", text));
    double bytes = parts->value * *factor;
    // 2^63: what the kernel's counters and the OCI spec's signed fields hold.
    if (bytes >= 9223372036854775808.0) return error(errc::invalid_argument, fmt::format("\"{}\" is too large", text));
    return static_cast<std::uint64_t>(bytes);
}

std::string format_bytes(std::uint64_t bytes) {
    if (bytes == std::numeric_limits<std::uint64_t>::max()) return "max";
    if (bytes < 1024) return fmt::format("{} B", bytes);
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, units[unit]);
}

result<std::uint32_t> parse_cpus(std::string_view text) {
    auto parts = split_amount(text);
    if (!parts || !parts->unit.empty() || parts->value < 0.01 || parts->value > 4096) {
        return error(errc::invalid_argument, fmt::format("\"{}\" is not a number of CPUs from 0.01 to 4096", text));
    }
    return static_cast<std::uint32_t>(std::lround(parts->value * 1000));
}

result<std::uint32_t> parse_number(std::string_view text, std::string_view what) {
    if (auto number = vminit::parse_number<std::uint32_t>(text)) return *number;
    return error(errc::invalid_argument, fmt::format("\"{}\" is not {}", text, what));
}

std::string format_cpu_time(std::uint64_t microseconds) {
    return fmt::format("{}.{:03}s", microseconds / 1000000, microseconds / 1000 % 1000);
}

}  // namespace vminit::vminitctl
