#include "vminit/core/condition.hpp"

#include <boost/asio/redirect_error.hpp>

namespace vminit {

// A timer that never fires is Asio's condition variable: every waiter is a pending wait, cancel() wakes them all.
condition::condition(executor ex) : never_(ex, clock::time_point::max()) {}

awaitable<void> condition::wait() {
    error_code ignored;
    co_await never_.async_wait(asio::redirect_error(use_awaitable, ignored));
}

void condition::notify_all() { never_.cancel(); }

}  // namespace vminit
