// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <variant>
#include <vector>

#include "vminit/core/clock.hpp"

namespace vminit::supervisor {

/// Which ends of a service are followed by another start.
enum class restart_mode {
    always,      ///< every end
    on_failure,  ///< every end but exit code 0
    never,       ///< none
};

/// How one run of a service ended.
enum class run_end {
    succeeded,    ///< exit code 0
    crashed,      ///< another code, or a signal
    not_started,  ///< the start itself failed; counts like a crash
};

/// The numbers of the policy; the defaults are those of the supervisor agent.
struct restart_limits {
    unsigned max_restarts = 10;  ///< in any `window`; one more is not made
    clock::duration window = std::chrono::minutes(5);
    clock::duration first_delay = std::chrono::seconds(1);  ///< doubled for each restart that follows
    clock::duration max_delay = std::chrono::seconds(30);
};

/// Start it again after `delay`.
struct restart_in {
    clock::duration delay;
    friend bool operator==(const restart_in&, const restart_in&) = default;
};

/// It has failed too often: leave it and say so.
struct give_up {
    friend bool operator==(const give_up&, const give_up&) = default;
};

/// It has ended and that is all right.
struct done {
    friend bool operator==(const done&, const done&) = default;
};

using restart_decision = std::variant<restart_in, give_up, done>;

/// Decides whether and when a service that has ended is started again. No I/O and no clock of its own.
///
/// Delays are 1 s, 2 s, 4 s, 8 s, 16 s, 30 s, 30 s, ... With `max_restarts` restarts in the last `window` it gives up.
/// After a whole `window` without a restart the service counts as stable, and delays and count begin anew.
class restart_policy {
public:
    explicit restart_policy(restart_mode mode = restart_mode::always, restart_limits limits = {});

    /// What to do about a run that ended at `now`. A `restart_in` is counted as carried out at `now + delay`.
    restart_decision next(run_end end, clock::time_point now);

    /// Forgets the past: the next delay is the first again.
    void reset() noexcept;

    /// Restarts made in the `window` before `now`, and the one that is due.
    unsigned restarts_in_window(clock::time_point now) const noexcept;

private:
    bool wants_restart(run_end end) const noexcept;
    bool is_recent(clock::time_point restart, clock::time_point now) const noexcept;
    clock::duration next_delay() noexcept;

    restart_mode mode_;
    restart_limits limits_;
    std::vector<clock::time_point> restarts_;  // of the window, oldest first; at most max_restarts
    clock::duration delay_{};                  // of the latest restart; zero after a stable run
};

}  // namespace vminit::supervisor
