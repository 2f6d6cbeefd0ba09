#include "vminit/core/timeout.hpp"

namespace vminit {

awaitable<void> sleep_for(clock::duration span) {
    auto ex = co_await asio::this_coro::executor;
    timer sleeper(ex, span);
    co_await sleeper.async_wait(use_awaitable);
}

}  // namespace vminit
