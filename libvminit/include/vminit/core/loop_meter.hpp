// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/recent_maximum.hpp"

namespace vminit {

/// How well the loop keeps up. Nothing is measured while nothing happens: who has a moment to compare tells it.
///
/// The server tells how long each call's handler ran before it first waited; the blocking pool how long a finished job
/// had to wait for the loop. Use from the context's thread.
class loop_meter : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    explicit loop_meter(asio::execution_context& context);

    /// Other work has had to wait for `span`.
    void record(clock::duration span) noexcept { stalls_.record(span, clock::now()); }

    /// The longest such wait in the last one to two minutes.
    clock::duration longest_stall() noexcept { return stalls_.value(clock::now()); }

    /// Queues a handler and returns after how long the loop came to it; is recorded too.
    awaitable<clock::duration> measure_lag();

private:
    void shutdown() noexcept override {}

    recent_maximum stalls_;
};

}  // namespace vminit
