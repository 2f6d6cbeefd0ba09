#include "events/event_ledger.hpp"

#include <algorithm>
#include <utility>

namespace vminit::events {

namespace {

bool is_gap(const shared_event& event) noexcept { return std::holds_alternative<events_lost>(event->event); }

void insert_in_order(std::deque<shared_event>& queue, shared_event event) {
    auto at = std::upper_bound(queue.begin(), queue.end(), event->sequence,
                               [](std::uint64_t wanted, const shared_event& one) { return wanted < one->sequence; });
    queue.insert(at, std::move(event));
}

shared_event gap(std::uint64_t first, std::uint64_t last, wall_time now) {
    return std::make_shared<const envelope>(last, now, events_lost{first, last});
}

}  // namespace

shared_event event_ledger::publish(payload event, wall_time now) {
    auto published = std::make_shared<const envelope>(next_sequence_, now, std::move(event));
    ++next_sequence_;  // not before: a number that no event has would be a gap
    bool has_listener = false;
    bool is_acknowledged_by_some = false;
    for (auto& [id, one] : subscribers_) {
        if (one.is_cut_off || one.is_ahead) continue;
        one.queue.push_back(published);
        has_listener = true;
        is_acknowledged_by_some |= one.options.acknowledge;
    }
    if (!has_listener) {
        held_.keep(published, custody::undelivered);
    } else if (keeps_history_) {
        held_.keep(published, is_acknowledged_by_some ? custody::unacknowledged : custody::delivered);
    }
    for (auto& [id, one] : subscribers_) {
        if (one.is_cut_off || one.queue.size() <= max_behind_) continue;
        one.is_cut_off = true;
        ++cut_off_count_;
        give_back(one);
    }
    return published;
}

std::uint64_t event_ledger::add(subscribe_options options, wall_time now) {
    auto id = next_id_++;
    subscriber fresh;
    fresh.options = options;
    fresh.since = next_sequence_;
    if (options.is_numbered()) {
        keeps_history_ = true;
        fill_numbered(fresh, now);
    } else {
        fill_plain(fresh);
    }
    subscribers_.emplace(id, std::move(fresh));
    return id;
}

void event_ledger::fill_plain(subscriber& target) {
    for (const auto& kept : held_.entries()) {
        if (kept.why == custody::undelivered) target.queue.push_back(kept.event);
    }
    for (const auto& event : target.queue) {
        if (keeps_history_) {
            held_.keep(event, custody::delivered);
        } else {
            held_.forget(event->sequence);
        }
    }
}

void event_ledger::fill_numbered(subscriber& target, wall_time now) {
    auto after = target.options.after_sequence;
    if (after >= next_sequence_) {
        target.is_ahead = true;
        return;
    }
    target.acknowledged = after;
    auto events = everything_after(after);
    auto lost = held_.take_lost();
    auto expected = after + 1;
    for (const auto& [sequence, event] : events) {
        if (after > 0 && sequence > expected) target.queue.push_back(gap(expected, sequence - 1, now));
        expected = sequence + 1;
        target.queue.push_back(event);
        held_.keep(event, target.options.acknowledge ? custody::unacknowledged : custody::delivered);
    }
    if (after > 0 && expected < next_sequence_) target.queue.push_back(gap(expected, next_sequence_ - 1, now));
    if (after == 0 && lost) insert_in_order(target.queue, gap(lost->first, lost->last, now));
    if (after > 0) target.since = after + 1;
    if (after == 0 && !events.empty()) target.since = events.begin()->first;
    // To resume behind a number is to have everything up to it; only a living subscriber may still want it kept.
    if (after > 0 && subscribers_.empty()) held_.settle_through(after);
}

std::map<std::uint64_t, shared_event> event_ledger::everything_after(std::uint64_t sequence) const {
    std::map<std::uint64_t, shared_event> events;
    auto add = [&](const shared_event& event) {
        if (event && event->sequence > sequence && !is_gap(event)) events.emplace(event->sequence, event);
    };
    for (const auto& kept : held_.entries()) {
        // "What is held" for one that does not resume: not what others have had long ago.
        if (sequence > 0 || kept.why != custody::delivered) add(kept.event);
    }
    for (const auto& [id, one] : subscribers_) {
        add(one.in_hand);
        for (const auto& event : one.queue) add(event);
    }
    return events;
}

event_ledger::taken event_ledger::take(std::uint64_t id) {
    auto& one = subscribers_.at(id);
    one.in_hand.reset();
    if (one.is_ahead) return {answer::ahead, nullptr};
    if (one.is_cut_off) return {answer::cut_off, nullptr};
    if (one.queue.empty()) return {answer::nothing, nullptr};
    one.in_hand = std::move(one.queue.front());
    one.queue.pop_front();
    return {answer::event, one.in_hand};
}

void event_ledger::requeue(std::uint64_t id, const shared_event& event) {
    auto& one = subscribers_.at(id);
    if (!one.in_hand || one.in_hand != event) return;
    one.queue.push_front(std::move(one.in_hand));
    one.in_hand.reset();
}

void event_ledger::acknowledge(std::uint64_t id, std::uint64_t sequence) {
    auto& one = subscribers_.at(id);
    // Only what it has been given: everything before the front of its queue.
    auto given = one.queue.empty() ? next_sequence_ - 1 : one.queue.front()->sequence - 1;
    one.acknowledged = std::max(one.acknowledged, std::min(sequence, given));
    if (one.in_hand && one.in_hand->sequence <= one.acknowledged) one.in_hand.reset();
    release_acknowledged();
}

void event_ledger::release_acknowledged() {
    std::optional<std::uint64_t> through;
    for (const auto& [id, one] : subscribers_) {
        if (!one.options.acknowledge || one.is_ahead) continue;
        through = through ? std::min(*through, one.acknowledged) : one.acknowledged;
    }
    if (through) held_.acknowledge_through(*through);
}

void event_ledger::remove(std::uint64_t id) {
    auto found = subscribers_.find(id);
    if (found == subscribers_.end()) return;
    if (!found->second.is_cut_off) give_back(found->second);
    subscribers_.erase(found);
}

void event_ledger::give_back(subscriber& from) {
    if (from.in_hand) from.queue.push_front(std::move(from.in_hand));
    from.in_hand.reset();
    auto events = std::exchange(from.queue, {});
    for (auto& event : events) {
        if (is_gap(event) || is_covered(event->sequence, from)) continue;
        if (auto* other = youngest_except(from)) {
            insert_in_order(other->queue, std::move(event));
        } else {
            held_.keep(std::move(event), custody::undelivered);
        }
    }
}

bool event_ledger::is_covered(std::uint64_t sequence, const subscriber& except) const noexcept {
    return std::any_of(subscribers_.begin(), subscribers_.end(), [&](const auto& entry) {
        const auto& one = entry.second;
        return &one != &except && !one.is_cut_off && !one.is_ahead && one.since <= sequence;
    });
}

event_ledger::subscriber* event_ledger::youngest_except(const subscriber& except) noexcept {
    for (auto at = subscribers_.rbegin(); at != subscribers_.rend(); ++at) {
        auto& one = at->second;
        if (&one != &except && !one.is_cut_off && !one.is_ahead) return &one;
    }
    return nullptr;
}

bool event_ledger::is_drained() const noexcept {
    return std::all_of(subscribers_.begin(), subscribers_.end(), [](const auto& entry) {
        const auto& one = entry.second;
        return one.is_cut_off || one.is_ahead || (one.queue.empty() && !one.in_hand);
    });
}

std::size_t event_ledger::behind(std::uint64_t id) const noexcept {
    auto found = subscribers_.find(id);
    return found == subscribers_.end() ? 0 : found->second.queue.size();
}

}  // namespace vminit::events
