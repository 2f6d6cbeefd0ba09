// SPDX-License-Identifier: Apache-2.0
#include "system/limited_write.hpp"

#include <chrono>

namespace vminit::system {

namespace {

constexpr auto stop_interval = std::chrono::milliseconds(200);
constexpr int stop_attempts = 5;  // then the waiter is told

}  // namespace

awaitable<void> limited_write::enforce(std::shared_ptr<limited_write> self, clock::duration limit) {
    self->timer_.expires_after(limit);
    for (int attempt = 0;; ++attempt) {
        auto [cancelled] = co_await self->timer_.async_wait(as_tuple_awaitable);
        if (self->has_ended_ || cancelled) co_return;
        self->writer_->stop();
        if (attempt == stop_attempts) {
            self->is_given_up_ = true;
            self->changed_.notify_all();
        }
        self->timer_.expires_after(stop_interval);
    }
}

void limited_write::end() noexcept {
    has_ended_ = true;
    timer_.cancel();
    changed_.notify_all();
}

awaitable<bool> limited_write::wait() {
    while (!has_ended_ && !is_given_up_) co_await changed_.wait();
    co_return has_ended_;
}

}  // namespace vminit::system
