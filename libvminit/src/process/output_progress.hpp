#pragma once

#include <cstdint>
#include <optional>

#include "vminit/core/clock.hpp"

namespace vminit::process {

/// Decides how long an output is worth waiting for after its process has exited.
///
/// What the process itself wrote is in the pipe by then: that is delivered whatever it takes, unless the host does not
/// read. What descendants that keep the pipe open write later is delivered until `held` has passed; then the output
/// ends.
class output_progress {
public:
    /// An exit is told after this long even if the host still takes bytes, one now and then: hosts themselves hold an
    /// exit back for the rest of the output for 30 s.
    static constexpr clock::duration longest_wait = std::chrono::seconds(30);

    explicit output_progress(clock::duration held) noexcept : held_(held) {}

    /// `in_flight`: bytes read and not written plus bytes still in the pipe.
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
    }

    void moved(clock::time_point now, std::uint64_t bytes) noexcept {
        moved_last_ = now;
        owed_ -= bytes < owed_ ? bytes : owed_;
    }

    /// A shorter patience from now on, for power-off.
    void hurry(clock::duration held) noexcept { held_ = held < held_ ? held : held_; }

    /// The output ends here although somebody keeps the pipe open: all its process wrote is delivered, and time is up.
    bool is_over(clock::time_point now) const noexcept {
        return exited_at_ && owed_ == 0 && now >= *exited_at_ + held_;
    }

    /// Until when an exit is held back for this output, as things stand; only after `exited`.
    clock::time_point hold_exit_until() const noexcept {
        if (owed_ == 0) return *exited_at_ + held_;
        auto stalled = moved_last_ + held_;
        auto longest = waited_since_ + longest_wait;
        return stalled < longest ? stalled : longest;
    }

    bool has_exited() const noexcept { return exited_at_.has_value(); }

private:
    clock::duration held_;
    std::optional<clock::time_point> exited_at_;
    clock::time_point waited_since_{};
    clock::time_point moved_last_{};
    std::uint64_t owed_ = 0;
};

}  // namespace vminit::process
