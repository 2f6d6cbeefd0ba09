// SPDX-License-Identifier: Apache-2.0
#include "process/psi.hpp"

#include "process/cgroup_text.hpp"

namespace vminit::process {

namespace {

// So many digits are exact in a double, and so is the power of ten that divides them: the quotient is rounded once.
constexpr std::size_t max_digits = 15;

// `12.34`, as the kernel prints averages. from_chars for double would bring a locale into the static binary.
std::optional<double> parse_average(std::string_view text) noexcept {
    auto point = text.find('.');
    auto fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
    auto whole = text.substr(0, point);
    if (whole.size() + fraction.size() > max_digits) return std::nullopt;
    auto mantissa = parse_unsigned(whole);
    if (!mantissa || (fraction.empty() && point != std::string_view::npos)) return std::nullopt;
    double scale = 1;
    for (char digit : fraction) {
        if (digit < '0' || digit > '9') return std::nullopt;
        *mantissa = *mantissa * 10 + static_cast<unsigned>(digit - '0');
        scale *= 10;
    }
    return static_cast<double>(*mantissa) / scale;
}

bool store(std::optional<double> number, double& into) noexcept {
    if (number) into = *number;
    return number.has_value();
}

bool parse_pair(std::string_view field, psi_data& into) noexcept {
    auto pair = split_pair(field);
    if (!pair) return false;
    if (pair->key == "avg10") return store(parse_average(pair->value), into.avg10);
    if (pair->key == "avg60") return store(parse_average(pair->value), into.avg60);
    if (pair->key == "avg300") return store(parse_average(pair->value), into.avg300);
    if (pair->key != "total") return true;
    auto total = parse_unsigned(pair->value);
    if (total) into.total = *total;
    return total.has_value();
}

}  // namespace

std::optional<psi_stats> parse_psi(std::string_view text) noexcept {
    psi_stats stats;
    while (!text.empty()) {
        auto line = take_line(text);
        auto kind = take_field(line);
        if (kind != "some" && kind != "full") continue;
        auto& data = kind == "some" ? stats.some.emplace() : stats.full.emplace();
        for (auto field = take_field(line); !field.empty(); field = take_field(line)) {
            if (!parse_pair(field, data)) return std::nullopt;
        }
    }
    return stats;
}

}  // namespace vminit::process
