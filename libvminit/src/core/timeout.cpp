// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/timeout.hpp"

namespace vminit {

awaitable<void> sleep_for(clock::duration span) {
    auto ex = co_await asio::this_coro::executor;
    timer sleeper(ex, span);
    // Asio would make the exception outside the coroutine, which it loses if there is no memory for that.
    auto [failure] = co_await sleeper.async_wait(as_tuple_awaitable);
    if (failure) throw boost::system::system_error(failure);
}

}  // namespace vminit
