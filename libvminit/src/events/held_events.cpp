// SPDX-License-Identifier: Apache-2.0
#include "events/held_events.hpp"

#include <algorithm>
#include <utility>

namespace vminit::events {

std::deque<held_events::entry>::iterator held_events::place_of(std::uint64_t sequence) noexcept {
    return std::lower_bound(entries_.begin(), entries_.end(), sequence,
                            [](const entry& kept, std::uint64_t wanted) { return kept.event->sequence < wanted; });
}

bool held_events::keep(shared_event event, custody why) {
    auto at = place_of(event->sequence);
    if (at != entries_.end() && at->event->sequence == event->sequence) {
        at->why = why;
        return false;
    }
    entries_.insert(at, entry{std::move(event), why});
    return trim();
}

bool held_events::trim() {
    bool is_loss = false;
    for (; entries_.size() > capacity_; entries_.pop_front()) {
        const auto& oldest = entries_.front();
        if (oldest.why == custody::delivered) continue;
        auto sequence = oldest.event->sequence;
        if (!lost_) lost_ = events_lost{sequence, sequence};
        lost_->first = std::min(lost_->first, sequence);
        lost_->last = std::max(lost_->last, sequence);
        ++lost_count_;
        is_loss = true;
    }
    return is_loss;
}

void held_events::forget(std::uint64_t sequence) {
    auto at = place_of(sequence);
    if (at != entries_.end() && at->event->sequence == sequence) entries_.erase(at);
}

bool held_events::has(std::uint64_t sequence) const noexcept {
    auto at = std::lower_bound(entries_.begin(), entries_.end(), sequence,
                               [](const entry& kept, std::uint64_t wanted) { return kept.event->sequence < wanted; });
    return at != entries_.end() && at->event->sequence == sequence;
}

void held_events::acknowledge_through(std::uint64_t sequence) {
    std::erase_if(entries_, [&](const entry& kept) {
        return kept.event->sequence <= sequence && kept.why != custody::undelivered;
    });
}

void held_events::settle_through(std::uint64_t sequence) noexcept {
    for (auto& kept : entries_) {
        if (kept.event->sequence <= sequence && kept.why == custody::unacknowledged) kept.why = custody::delivered;
    }
}

std::size_t held_events::undelivered_count() const noexcept {
    auto is_open = [](const entry& held) { return held.why != custody::delivered; };
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(), is_open));
}

std::optional<events_lost> held_events::take_lost() noexcept { return std::exchange(lost_, std::nullopt); }

}  // namespace vminit::events
