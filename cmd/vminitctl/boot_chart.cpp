// SPDX-License-Identifier: Apache-2.0
#include "boot_chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>

#include "boot_lines.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;
namespace system_api = containerd::vminitd::services::system::v1;

namespace {

constexpr std::size_t narrowest_bar = 10;
constexpr std::size_t time_columns = 24;  // two times of 12

// The milestone's column is marked; a step fills those it touches, at least one.
std::string bar_of(const boot_line& line, std::uint64_t begin, std::uint64_t span, std::size_t width) {
    auto column = [&](std::uint64_t when) {
        return std::min<std::size_t>(width - 1, static_cast<std::size_t>((when - begin) * width / span));
    };
    std::string bar(width, ' ');
    if (line.is_milestone) {
        bar[column(line.from)] = '^';
    } else {
        std::fill(bar.begin() + static_cast<std::ptrdiff_t>(column(line.from)),
                  bar.begin() + static_cast<std::ptrdiff_t>(column(line.to)) + 1, '#');
    }
    return bar;
}

}  // namespace

std::string boot_chart(const system_api::BootTimelineResponse& timeline, std::size_t columns) {
    auto lines = boot_lines(timeline);
    if (lines.empty()) return "no boot was recorded\n";
    auto [begin, end] = boot_span(lines);
    std::size_t longest_label = 0;
    for (const auto& line : lines) longest_label = std::max(longest_label, line.label.size());
    auto taken = time_columns + longest_label + 6;
    auto width = columns > taken + narrowest_bar ? columns - taken : narrowest_bar;
    auto text = fmt::format("{:>12}{:>12}\n", "start", "time");
    for (const auto& line : lines) {
        auto time = line.is_milestone ? std::string() : milliseconds_text(line.to - line.from);
        text += fmt::format("{:>12}{:>12}  |{}|  {}\n", milliseconds_text(line.from), time,
                            bar_of(line, begin, end - begin, width), printable(line.label));
    }
    return text;
}

record boot_facts(const system_api::BootTimelineResponse& timeline) {
    json::array steps;
    for (const auto& step : timeline.steps()) {
        json::object entry{{"name", step.name()},
                           {"started_us", step.started_us()},
                           {"ended_us", step.ended_us()},
                           {"outcome", boot_outcome(step.outcome())},
                           {"text", step.text()}};
        steps.push_back(std::move(entry));
    }
    json::array milestones;
    for (const auto& milestone : timeline.milestones()) {
        json::object entry{{"phase", milestone.phase()}, {"at_us", milestone.at_us()}};
        milestones.push_back(std::move(entry));
    }
    return {{"steps", std::move(steps)}, {"milestones", std::move(milestones)}};
}

}  // namespace vminit::vminitctl
