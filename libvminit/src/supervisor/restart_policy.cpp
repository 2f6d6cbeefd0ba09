// SPDX-License-Identifier: Apache-2.0
#include "vminit/supervisor/restart_policy.hpp"

#include <algorithm>

namespace vminit::supervisor {

restart_policy::restart_policy(restart_mode mode, restart_limits limits) : mode_(mode), limits_(limits) {}

restart_decision restart_policy::next(run_end end, clock::time_point now) {
    if (!wants_restart(end)) return done{};
    std::erase_if(restarts_, [&](clock::time_point restart) { return !is_recent(restart, now); });
    if (restarts_.empty()) delay_ = {};
    if (restarts_.size() >= limits_.max_restarts) return give_up{};
    delay_ = next_delay();
    restarts_.push_back(now + delay_);
    return restart_in{delay_};
}

void restart_policy::reset() noexcept {
    restarts_.clear();
    delay_ = {};
}

unsigned restart_policy::restarts_in_window(clock::time_point now) const noexcept {
    auto recent = [&](clock::time_point restart) { return is_recent(restart, now); };
    return static_cast<unsigned>(std::count_if(restarts_.begin(), restarts_.end(), recent));
}

bool restart_policy::wants_restart(run_end end) const noexcept {
    switch (mode_) {
        case restart_mode::always:
            return true;
        case restart_mode::on_failure:
            return end != run_end::succeeded;
        case restart_mode::never:
            return false;
    }
    return false;
}

bool restart_policy::is_recent(clock::time_point restart, clock::time_point now) const noexcept {
    return now - restart < limits_.window;
}

clock::duration restart_policy::next_delay() noexcept {
    if (delay_ == clock::duration::zero()) return std::min(limits_.first_delay, limits_.max_delay);
    // Not doubled beyond the maximum, so that it cannot overflow.
    return delay_ > limits_.max_delay / 2 ? limits_.max_delay : delay_ * 2;
}

}  // namespace vminit::supervisor
