// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"

namespace vminit {

/// Sleeps on `clock`. Throws `operation_aborted` when cancelled, so that in `a || sleep_for(t)` only time is a success.
awaitable<void> sleep_for(clock::duration span);

namespace detail {

template <class T>
awaitable<void> store(awaitable<result<T>> operation, std::optional<result<T>>& outcome) {
    outcome.emplace(co_await std::move(operation));
}

}  // namespace detail

/// `operation` with a limit. When the limit passes first, `operation` is cancelled (terminal) and awaited, and the
/// outcome is `deadline_exceeded` with context `what`, whatever became of it. An exception of `operation` within the
/// limit is thrown at once.
template <class T>
awaitable<result<T>> with_timeout(awaitable<result<T>> operation, clock::duration limit, std::string what) {
    auto ex = co_await asio::this_coro::executor;
    timer sleeper(ex, limit);
    std::optional<result<T>> outcome;
    auto first_to_end = asio::experimental::make_parallel_group(
        asio::co_spawn(ex, detail::store(std::move(operation), outcome), asio::deferred),
        sleeper.async_wait(asio::deferred));
    // Not `operation || sleep_for(limit)`: after an exception that still waits for the other branch to succeed.
    auto [order, thrown, woken] = co_await first_to_end.async_wait(asio::experimental::wait_for_one(), use_awaitable);
    if (order[0] == 1 && !woken) co_return error(errc::deadline_exceeded, std::move(what));
    if (thrown) std::rethrow_exception(thrown);
    co_return std::move(*outcome);
}

}  // namespace vminit
