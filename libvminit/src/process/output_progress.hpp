// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "vminit/core/clock.hpp"

namespace vminit::process {

/// Decides how long an output is worth waiting for after its process has exited, and when its reader counts as gone.
///
/// What the process itself wrote (`owed`) is in the pipe by then: that is delivered whatever it takes. What descendants
/// that keep the pipe open write later is delivered until `held` has passed; then the output ends. Two things have an
/// end before that: the exit is told, and Delete answers, once the host has taken nothing for `held`. After Delete a
/// host that takes nothing for `patience` is gone; while its connection stands it never is before.
class output_progress {
public:
    /// An exit is told after this long even if the host still takes bytes, one now and then: hosts themselves hold an
    /// exit back for the rest of the output for 30 s.
    static constexpr clock::duration longest_wait = std::chrono::seconds(30);

    explicit output_progress(clock::duration held) noexcept : held_(held) {}

    /// `in_flight`: bytes read and not written plus, at most, what the process has written and nobody has read.
    void exited(clock::time_point now, std::uint64_t in_flight) noexcept {
        if (exited_at_) return;
        exited_at_ = now;
        renew(now);
        owed_ = in_flight;
    }

    /// Whoever waits for a host that does not read begins to wait only now.
    void renew(clock::time_point now) noexcept {
        waited_since_ = now;
        moved_last_ = now;
        latest_ = clock::time_point::max();
    }

    /// Nobody waits longer than until then.
    void wait_until(clock::time_point latest) noexcept { latest_ = std::min(latest_, latest); }

    void moved(clock::time_point now, std::uint64_t bytes) noexcept {
        moved_last_ = now;
        owed_ -= std::min(bytes, owed_);
    }

    /// Nothing more is owed: there is nothing left to read, or nobody to give it to.
    void settle() noexcept { owed_ = 0; }

    /// A shorter patience from now on, for power-off.
    void hurry(clock::duration held) noexcept { held_ = std::min(held, held_); }

    /// Delete has answered.
    void leave_behind(clock::time_point now, clock::duration patience) noexcept {
        moved_last_ = now;
        patience_ = patience;
    }

    bool has_exited() const noexcept { return exited_at_.has_value(); }
    bool is_owing() const noexcept { return has_exited() && owed_ > 0; }
    bool is_left_behind() const noexcept { return patience_.has_value(); }

    /// When the output ends although somebody keeps the pipe open; as things stand never, while something is owed.
    clock::time_point over_at() const noexcept {
        return has_exited() && owed_ == 0 ? *exited_at_ + held_ : clock::time_point::max();
    }

    /// Until when an exit, or Delete, is held back for this output, as things stand. Before the exit nobody waits.
    clock::time_point hold_until() const noexcept {
        if (!has_exited()) return clock::time_point::min();
        if (owed_ == 0) return std::min(over_at(), latest_);
        return std::min({moved_last_ + held_, waited_since_ + longest_wait, latest_});
    }

    /// When a reader that takes nothing counts as gone.
    clock::time_point gone_at() const noexcept {
        return patience_ ? moved_last_ + *patience_ : clock::time_point::max();
    }

private:
    clock::duration held_;
    std::optional<clock::duration> patience_;
    std::optional<clock::time_point> exited_at_;
    clock::time_point waited_since_{};
    clock::time_point moved_last_{};
    clock::time_point latest_ = clock::time_point::max();
    std::uint64_t owed_ = 0;
};

}  // namespace vminit::process
