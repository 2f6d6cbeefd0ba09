// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"

namespace vminit::ttrpc {

/// `span` after `now`; never for spans of more than a year, which are as good as none and could overflow the clock.
inline clock::time_point time_after(clock::time_point now, clock::duration span) noexcept {
    return span > std::chrono::hours(24 * 365) ? clock::time_point::max() : now + span;
}

/// Something that happens at a time unless it is called off. Set in at most one queue, which must outlive it.
class deadline {
public:
    deadline() = default;
    deadline(const deadline&) = delete;
    deadline& operator=(const deadline&) = delete;

    virtual void on_deadline() = 0;

protected:
    ~deadline() = default;

private:
    friend class deadline_queue;
    clock::time_point when_ = clock::time_point::max();
};

/// Many deadlines on one timer. Calling one off costs no system call, and setting one only when it is the next to come:
/// most calls have the same timeout and end long before it.
class deadline_queue {
public:
    explicit deadline_queue(executor ex);
    ~deadline_queue();
    deadline_queue(const deadline_queue&) = delete;
    deadline_queue& operator=(const deadline_queue&) = delete;

    /// Moves `entry` if it is set already.
    void set(deadline& entry, clock::time_point when);

    /// Calls it off; harmless if it is not set.
    void clear(deadline& entry) noexcept;

    /// Forgets all and stops the timer.
    void stop() noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace vminit::ttrpc
