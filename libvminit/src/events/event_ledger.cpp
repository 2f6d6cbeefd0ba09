// SPDX-License-Identifier: Apache-2.0
#include "events/event_ledger.hpp"

#include <algorithm>
#include <utility>

namespace vminit::events {

namespace {

bool is_gap(const shared_event& event) noexcept { return std::holds_alternative<events_lost>(event->event); }

template <class Queue>
void insert_in_order(Queue& queue, shared_event event) {
    auto at = std::upper_bound(queue.begin(), queue.end(), event->sequence,
                               [](std::uint64_t wanted, const auto& one) { return wanted < one.event->sequence; });
    queue.insert(at, {std::move(event), false});
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
        if (!one.listens()) continue;
        one.queue.push_back({published, one.options.observe});
        if (one.options.observe) continue;
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
    insert(id, options, now);
    return id;
}

event_ledger::subscriber& event_ledger::insert(std::uint64_t id, subscribe_options options, wall_time now) {
    subscriber fresh;
    fresh.options = options;
    fresh.options.acknowledge &= !options.observe;
    fresh.since = next_sequence_;
    keeps_history_ |= fresh.options.is_numbered() && !options.observe;
    if (options.after_sequence >= next_sequence_) {
        fresh.is_ahead = true;
    } else if (options.observe || options.is_numbered()) {
        fill_after(fresh, now);
    } else {
        fill_plain(fresh);
    }
    return subscribers_.emplace(id, std::move(fresh)).first->second;
}

void event_ledger::refine(std::uint64_t id, subscribe_options options, wall_time now) {
    auto in_hand = subscribers_.at(id).in_hand.event;
    remove(id);
    auto& one = insert(id, options, now);
    auto same = [&](const queued& entry) { return entry.event == in_hand; };
    auto found = std::find_if(one.queue.begin(), one.queue.end(), same);
    if (found == one.queue.end()) return;
    one.in_hand = std::move(*found);
    one.queue.erase(found);
}

void event_ledger::fill_plain(subscriber& target) {
    for (const auto& kept : held_.entries()) {
        if (kept.why == custody::undelivered) target.queue.push_back({kept.event, false});
    }
    for (const auto& [event, is_copy] : target.queue) {
        if (keeps_history_) {
            held_.keep(event, custody::delivered);
        } else {
            held_.forget(event->sequence);
        }
    }
}

void event_ledger::fill_after(subscriber& target, wall_time now) {
    const auto& options = target.options;
    auto after = options.after_sequence;
    bool resumes = after > 0;
    target.acknowledged = after;
    auto expected = after + 1;
    auto owned_from = next_sequence_;
    for (const auto& [sequence, found] : everything_after(after)) {
        if (resumes && sequence > expected) target.queue.push_back({gap(expected, sequence - 1, now), true});
        expected = sequence + 1;
        bool is_owned = adopt(found, options);
        target.queue.push_back({found.event, !is_owned});
        if (is_owned || options.acknowledge) owned_from = std::min(owned_from, sequence);
    }
    if (resumes && expected < next_sequence_) target.queue.push_back({gap(expected, next_sequence_ - 1, now), true});
    if (options.observe) return;
    target.since = resumes && options.acknowledge ? after + 1 : owned_from;
    auto lost = options.acknowledge ? held_.take_lost() : std::nullopt;
    if (!resumes && lost) insert_in_order(target.queue, gap(lost->first, lost->last, now));
    // To resume behind a number is to have everything up to it; only a living subscriber may still want it kept.
    bool is_alone = std::none_of(subscribers_.begin(), subscribers_.end(),
                                 [](const auto& entry) { return entry.second.consumes(); });
    if (resumes && options.acknowledge && is_alone) held_.settle_through(after);
}

// Custody of what a subscriber that asks for numbers is given. True if it must give it back when it cannot send it.
bool event_ledger::adopt(const candidate& found, const subscribe_options& options) {
    if (options.observe) return false;
    if (options.acknowledge) {
        held_.keep(found.event, custody::unacknowledged);
        return !found.kept || *found.kept == custody::undelivered;
    }
    if (found.kept) return false;
    if (!held_.has(found.event->sequence)) held_.keep(found.event, custody::delivered);
    return true;
}

std::map<std::uint64_t, event_ledger::candidate> event_ledger::everything_after(std::uint64_t sequence) const {
    std::map<std::uint64_t, candidate> events;
    for (const auto& kept : held_.entries()) {
        // "What is held" for one that does not resume: not what others have had long ago.
        bool is_wanted = sequence > 0 || kept.why != custody::delivered;
        if (is_wanted && kept.event->sequence > sequence) events[kept.event->sequence] = {kept.event, kept.why};
    }
    auto add = [&](const queued& entry) {
        if (!entry.event || entry.is_copy || is_gap(entry.event) || entry.event->sequence <= sequence) return;
        events[entry.event->sequence] = {entry.event, std::nullopt};
    };
    for (const auto& [id, one] : subscribers_) {
        add(one.in_hand);
        for (const auto& entry : one.queue) add(entry);
    }
    return events;
}

event_ledger::taken event_ledger::take(std::uint64_t id) {
    auto& one = subscribers_.at(id);
    one.in_hand = {};
    if (one.is_ahead) return {answer::ahead, nullptr};
    if (one.is_cut_off) return {answer::cut_off, nullptr};
    if (one.queue.empty()) return {answer::nothing, nullptr};
    one.in_hand = std::move(one.queue.front());
    one.queue.pop_front();
    return {answer::event, one.in_hand.event};
}

void event_ledger::requeue(std::uint64_t id, const shared_event& event) {
    auto& one = subscribers_.at(id);
    if (!event || one.in_hand.event != event) return;
    one.queue.push_front(std::exchange(one.in_hand, {}));
}

void event_ledger::acknowledge(std::uint64_t id, std::uint64_t sequence) {
    auto& one = subscribers_.at(id);
    if (one.options.observe) return;
    // Only what it has been given: everything before the front of its queue.
    auto given = one.queue.empty() ? next_sequence_ - 1 : one.queue.front().event->sequence - 1;
    one.acknowledged = std::max(one.acknowledged, std::min(sequence, given));
    if (one.in_hand.event && one.in_hand.event->sequence <= one.acknowledged) one.in_hand = {};
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
    if (from.in_hand.event) from.queue.push_front(std::exchange(from.in_hand, {}));
    auto entries = std::exchange(from.queue, {});
    for (auto& [event, is_copy] : entries) {
        if (is_copy || is_gap(event) || is_covered(event->sequence, from)) continue;
        if (auto* other = youngest_for(event->sequence, from)) {
            insert_in_order(other->queue, std::move(event));
        } else {
            held_.keep(std::move(event), custody::undelivered);
        }
    }
}

bool event_ledger::is_covered(std::uint64_t sequence, const subscriber& except) const noexcept {
    return std::any_of(subscribers_.begin(), subscribers_.end(), [&](const auto& entry) {
        const auto& one = entry.second;
        return &one != &except && one.consumes() && one.since <= sequence;
    });
}

event_ledger::subscriber* event_ledger::youngest_for(std::uint64_t sequence,
                                                        const subscriber& except) noexcept {
    for (auto at = subscribers_.rbegin(); at != subscribers_.rend(); ++at) {
        auto& one = at->second;
        if (&one != &except && one.consumes() && one.options.after_sequence < sequence) return &one;
    }
    return nullptr;
}

bool event_ledger::is_drained() const noexcept {
    return std::all_of(subscribers_.begin(), subscribers_.end(), [](const auto& entry) {
        const auto& one = entry.second;
        return !one.listens() || (one.queue.empty() && !one.in_hand.event);
    });
}

std::size_t event_ledger::subscribers() const noexcept {
    auto is_counted = [](const auto& entry) { return !entry.second.options.observe; };
    return static_cast<std::size_t>(std::count_if(subscribers_.begin(), subscribers_.end(), is_counted));
}

std::size_t event_ledger::behind(std::uint64_t id) const noexcept {
    auto found = subscribers_.find(id);
    return found == subscribers_.end() ? 0 : found->second.queue.size();
}

}  // namespace vminit::events
