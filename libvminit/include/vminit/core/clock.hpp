// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/wait_traits.hpp>
#include <chrono>

#include "vminit/core/asio.hpp"

namespace vminit {

/// The monotonic clock every timer here uses. It is `std::chrono::steady_clock` unless a test has put a
/// `manual_time` in place: then `now()` is what the test says and nothing ever sleeps.
struct clock {
    using rep = std::chrono::nanoseconds::rep;
    using period = std::chrono::nanoseconds::period;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<clock, duration>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept;
};

/// For tests: while one lives, `clock::now()` stands still and moves only by `advance`.
/// Drive code with `time.advance(30s); ctx.poll();`. At most one at a time.
class manual_time {
public:
    explicit manual_time(clock::time_point start = clock::time_point(std::chrono::hours(1)));
    ~manual_time();
    manual_time(const manual_time&) = delete;
    manual_time& operator=(const manual_time&) = delete;

    void advance(clock::duration step) noexcept;
    static bool is_active() noexcept;
};

/// The wall clock, for `exited_at` and event timestamps; UTC, may step.
using wall_time = std::chrono::sys_time<std::chrono::nanoseconds>;
wall_time wall_now() noexcept;

/// A timer on `clock`. `wait_traits` below makes it follow a `manual_time`.
using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

}  // namespace vminit

namespace boost::asio {
/// Under a `manual_time` a timer must not sleep until a moment that only the test can bring about.
template <>
struct wait_traits<vminit::clock> {
    static vminit::clock::duration to_wait_duration(const vminit::clock::duration& wait) {
        return vminit::manual_time::is_active() ? vminit::clock::duration::zero() : wait;
    }
    static vminit::clock::duration to_wait_duration(const vminit::clock::time_point& when) {
        if (vminit::manual_time::is_active()) return vminit::clock::duration::zero();
        auto now = vminit::clock::now();
        if (when <= now) return vminit::clock::duration::zero();
        // `max()` minus a now before the epoch would overflow; steady clocks start at boot, so it cannot here.
        return when - now;
    }
};
}  // namespace boost::asio
