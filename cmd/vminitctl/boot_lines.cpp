// SPDX-License-Identifier: Apache-2.0
#include "boot_lines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vminit::vminitctl {

namespace system_api = containerd::vminitd::services::system::v1;

namespace {

std::string label_of(const system_api::BootStep& step) {
    if (step.outcome() == system_api::BootStep::OK) return step.name();
    auto label = fmt::format("{} {}", step.name(), boot_outcome(step.outcome()));
    return step.text().empty() ? label : label + ": " + step.text();
}

void insert(std::vector<boot_line>& lines, boot_line line) {
    auto later = [](std::uint64_t from, const boot_line& other) { return from < other.from; };
    auto place = std::upper_bound(lines.begin(), lines.end(), line.from, later);
    lines.insert(place, std::move(line));
}

}  // namespace

std::string_view boot_outcome(int outcome) {
    switch (outcome) {
        case system_api::BootStep::DEGRADED:
            return "degraded";
        case system_api::BootStep::FAILED:
            return "failed";
        default:
            return "ok";
    }
}

std::vector<boot_line> boot_lines(const system_api::BootTimelineResponse& timeline) {
    std::vector<boot_line> lines;
    for (const auto& step : timeline.steps()) {
        auto end = std::max(step.started_us(), step.ended_us());
        insert(lines, boot_line{step.started_us(), end, label_of(step), false, step.outcome()});
    }
    for (const auto& milestone : timeline.milestones()) {
        insert(lines, boot_line{milestone.at_us(), milestone.at_us(), milestone.phase(), true, 0});
    }
    return lines;
}

time_span boot_span(const std::vector<boot_line>& lines) {
    time_span span{lines.front().from, lines.front().from + 1};
    for (const auto& line : lines) span.end = std::max(span.end, line.to);
    return span;
}

std::string milliseconds_text(std::uint64_t microseconds) {
    return fmt::format("{}.{:03} ms", microseconds / 1000, microseconds % 1000);
}

}  // namespace vminit::vminitctl
