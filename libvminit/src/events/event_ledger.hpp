// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "events/held_events.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/events/subscription.hpp"

namespace vminit::events {

/// Who has got which event, and which are kept for whom. Decides only: no waiting, no I/O.
///
/// An event is in the queue of each subscriber that was there when it was published, in the hand of one that is sending
/// it, or kept in the ring. Until some subscriber asks for numbers the ring holds undelivered events only, so that
/// plain hosts cost no memory while they listen.
///
/// What a subscriber does to custody (docs/processes.md has the table for hosts):
///
///     subscriber               takes at first            kept as               counts as having an event
///     plain                    undelivered               nothing or delivered  from its subscription on
///     numbered                 after its number          as before             what it takes from then on
///     numbered, acknowledges   after its number          unacknowledged        after its number
///     observer                 after its number, copies  as before             never
class event_ledger {
public:
    enum class answer { event, nothing, cut_off, ahead };
    struct taken {
        answer what;
        shared_event event;
    };

    event_ledger(std::size_t max_held, std::size_t max_behind) noexcept : held_(max_held), max_behind_(max_behind) {}

    shared_event publish(payload event, wall_time now);

    std::uint64_t add(subscribe_options options, wall_time now);

    /// As if it had been added now with `options`, except that what it has in hand is its still and not taken again.
    void refine(std::uint64_t id, subscribe_options options, wall_time now);

    /// The next event for a subscriber; the one it had in hand is sent now.
    taken take(std::uint64_t id);

    /// What it has in hand goes back to the front of its queue.
    void requeue(std::uint64_t id, const shared_event& event);
    void acknowledge(std::uint64_t id, std::uint64_t sequence);

    /// Gives back what it has in hand and in its queue.
    void remove(std::uint64_t id);

    /// Nothing queued and nothing in hand, for every subscriber that is not cut off.
    bool is_drained() const noexcept;

    std::size_t behind(std::uint64_t id) const noexcept;
    std::size_t subscribers() const noexcept;  ///< without observers
    std::size_t held() const noexcept { return held_.entries().size(); }
    std::size_t undelivered() const noexcept { return held_.undelivered_count(); }
    std::uint64_t published() const noexcept { return next_sequence_ - 1; }
    std::uint64_t lost() const noexcept { return held_.lost_count(); }
    std::uint64_t cut_off() const noexcept { return cut_off_count_; }

private:
    // A copy is another's, or the ring's, as well: it need not be given back.
    struct queued {
        shared_event event;
        bool is_copy = false;
    };

    struct subscriber {
        subscribe_options options;
        std::uint64_t since = 0;         // has, or has had, every event from this number on that anybody else has
        std::uint64_t acknowledged = 0;  // through this number
        std::deque<queued> queue;
        queued in_hand;
        bool is_cut_off = false;
        bool is_ahead = false;

        bool listens() const noexcept { return !is_cut_off && !is_ahead; }
        bool consumes() const noexcept { return listens() && !options.observe; }
    };

    struct candidate {
        shared_event event;
        std::optional<custody> kept;  // in the ring and with no subscriber
    };

    subscriber& insert(std::uint64_t id, subscribe_options options, wall_time now);
    void fill_plain(subscriber& target);
    void fill_after(subscriber& target, wall_time now);
    bool adopt(const candidate& found, const subscribe_options& options);
    std::map<std::uint64_t, candidate> everything_after(std::uint64_t sequence) const;
    void give_back(subscriber& from);
    bool is_covered(std::uint64_t sequence, const subscriber& except) const noexcept;
    subscriber* youngest_for(std::uint64_t sequence, const subscriber& except) noexcept;
    void release_acknowledged();

    held_events held_;
    std::size_t max_behind_;
    std::uint64_t next_sequence_ = 1;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, subscriber> subscribers_;
    bool keeps_history_ = false;  // once a subscriber has asked for numbers
    std::uint64_t cut_off_count_ = 0;
};

}  // namespace vminit::events
