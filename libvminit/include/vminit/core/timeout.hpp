#pragma once

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <string>
#include <utility>
#include <variant>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"

namespace vminit {

/// Sleeps on `clock`. Throws `operation_aborted` when cancelled, so that in `a || sleep_for(t)` only time is a success.
awaitable<void> sleep_for(clock::duration span);

/// `operation` with a limit. When the limit passes first, `operation` is cancelled (terminal) and awaited, and the
/// outcome is `deadline_exceeded` with context `what`. `operation` must return, not throw, on cancellation.
template <class T>
awaitable<result<T>> with_timeout(awaitable<result<T>> operation, clock::duration limit, std::string what) {
    using namespace asio::experimental::awaitable_operators;
    auto outcome = co_await (std::move(operation) || sleep_for(limit));
    if (outcome.index() == 0) co_return std::move(std::get<0>(outcome));
    co_return error(errc::deadline_exceeded, std::move(what));
}

}  // namespace vminit
