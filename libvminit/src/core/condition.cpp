// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/condition.hpp"

#include <boost/asio/redirect_error.hpp>

namespace vminit {

// A timer that never fires is Asio's condition variable: every waiter is a pending wait, cancel() wakes them all.
condition::condition(executor ex) : never_(ex, clock::time_point::max()) {}

awaitable<bool> condition::wait() {
    error_code ignored;
    co_await never_.async_wait(asio::redirect_error(use_awaitable, ignored));
    auto cancellation = co_await asio::this_coro::cancellation_state;
    co_return cancellation.cancelled() == asio::cancellation_type::none;
}

void condition::notify_all() { never_.cancel(); }

}  // namespace vminit
