// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/clock.hpp"

namespace vminit {

/// The longest of the durations recorded lately, for any number of readers: a reading changes nothing.
///
/// "Lately" is between one `window` and two, because two maxima in turn are all that is kept. Decides only: no timer,
/// no clock of its own.
class recent_maximum {
public:
    static constexpr clock::duration window = std::chrono::minutes(1);

    void record(clock::duration span, clock::time_point now) noexcept {
        roll(now);
        if (span > current_) current_ = span;
    }

    clock::duration value(clock::time_point now) noexcept {
        roll(now);
        return current_ > previous_ ? current_ : previous_;
    }

private:
    void roll(clock::time_point now) noexcept {
        auto age = now - began_;
        if (age < window) return;
        previous_ = age < 2 * window ? current_ : clock::duration::zero();
        current_ = {};
        began_ = now;
    }

    clock::time_point began_{};
    clock::duration current_{};
    clock::duration previous_{};
};

}  // namespace vminit
