// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"

namespace vminit {

/// Wakes coroutines when something they look at has changed: a condition variable for one thread.
///
/// Waiters re-test their own predicate in a loop, as with any condition variable. Must outlive its waiters
/// or be destroyed with the context; destroying it wakes them.
class condition {
public:
    explicit condition(executor ex);

    /// Returns at the next `notify_all`, or early: spuriously, and on cancellation. False if the caller has been cancelled:
    /// its next `co_await` throws, unless it returns an error of its own instead.
    awaitable<bool> wait();

    /// Wakes every current waiter. A limit is `co_await (condition.wait() || sleep_for(limit))`.
    void notify_all();

private:
    timer never_;
};

}  // namespace vminit
