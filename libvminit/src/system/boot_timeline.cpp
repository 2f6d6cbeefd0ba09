// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/boot_timeline.hpp"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

namespace vminit::system {

uptime uptime_now() noexcept {
    struct timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return std::chrono::duration_cast<uptime>(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

boot_timeline::boot_timeline(std::function<uptime()> now) : now_(std::move(now)) {}

void boot_timeline::reached(std::string phase) {
    if (order_.size() >= max_records) return;
    auto at = now_();
    milestones_.push_back(milestone{std::move(phase), at});
    add({true, milestones_.size() - 1}, at);
}

void boot_timeline::record(step_record step) {
    auto same = [&](const step_record& known) { return known.name == step.name; };
    auto known = std::find_if(steps_.begin(), steps_.end(), same);
    if (known != steps_.end()) {
        *known = std::move(step);
        return;
    }
    if (order_.size() >= max_records) return;
    auto at = step.started;
    steps_.push_back(std::move(step));
    add({false, steps_.size() - 1}, at);
}

void boot_timeline::add(position entry, uptime at) {
    if (order_.empty()) first_ = previous_ = at;
    order_.push_back(entry);
    if (log_ != nullptr) print(entry);
}

void boot_timeline::print_to(logger& log, boot_profile profile) {
    log_ = &log;
    profile_ = profile;
    for (const auto& entry : order_) print(entry);
}

void boot_timeline::print(position entry) {
    if (entry.is_milestone) {
        const auto& point = milestones_[entry.index];
        log_->verbatim(fmt::format("VMINITD_READY uptime_us={} phase={}", point.at.count(), point.phase));
        return;
    }
    if (profile_ == boot_profile::off) return;
    const auto& step = steps_[entry.index];
    // Steps that run beside each other may end before the one printed last: no negative figures for the parsers.
    auto delta = std::max(step.ended - previous_, uptime{});
    auto total = std::max(step.ended - first_, uptime{});
    log_->verbatim(fmt::format("VMINITD_PROFILE {} delta_us={} total_us={}", step.name, delta.count(), total.count()));
    previous_ = std::max(previous_, step.ended);
}

}  // namespace vminit::system
