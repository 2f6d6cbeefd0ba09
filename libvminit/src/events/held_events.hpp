// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "vminit/events/envelope.hpp"

namespace vminit::events {

using shared_event = std::shared_ptr<const envelope>;

/// Why an event is kept.
enum class custody {
    undelivered,     ///< nobody has got it
    unacknowledged,  ///< with a subscriber that acknowledges, or has been
    delivered,       ///< for those who resume behind an earlier number
};

/// The bounded ring of kept events, in order of their numbers. Decides only.
class held_events {
public:
    struct entry {
        shared_event event;
        custody why;
    };

    explicit held_events(std::size_t capacity) noexcept : capacity_(capacity) {}

    /// Keeps `event`, in its place; one that is kept already only changes its custody. When the ring is over its
    /// capacity the oldest go; true if one of these was undelivered or unacknowledged, which extends `lost`.
    bool keep(shared_event event, custody why);

    void forget(std::uint64_t sequence);
    bool has(std::uint64_t sequence) const noexcept;

    /// Everything up to `sequence` that some subscriber has got needs no acknowledgement any more.
    void acknowledge_through(std::uint64_t sequence);

    /// Everything up to `sequence` has reached who acknowledges, who says so by resuming behind it.
    void settle_through(std::uint64_t sequence) noexcept;

    const std::deque<entry>& entries() const noexcept { return entries_; }

    /// Entries that nobody has got, or not acknowledged. Counts them.
    std::size_t undelivered_count() const noexcept;

    /// What went undelivered or unacknowledged since this was last taken, as one range.
    std::optional<events_lost> take_lost() noexcept;
    std::uint64_t lost_count() const noexcept { return lost_count_; }

private:
    std::deque<entry>::iterator place_of(std::uint64_t sequence) noexcept;
    bool trim();

    std::size_t capacity_;
    std::deque<entry> entries_;
    std::optional<events_lost> lost_;
    std::uint64_t lost_count_ = 0;
};

}  // namespace vminit::events
