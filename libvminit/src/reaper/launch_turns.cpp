// SPDX-License-Identifier: Apache-2.0
#include "reaper/launch_turns.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace vminit::reaper {

awaitable<void> launch_turns::take(std::shared_ptr<launch_turns> self) {
    if (!std::exchange(self->is_taken_, true)) {
        self->pass_on_soon();
        co_return;
    }
    auto wait = [](auto handler, std::shared_ptr<launch_turns> turns) {
        turns->waiting_.emplace_back(std::move(handler));
    };
    co_await asio::async_initiate<decltype(use_awaitable), void()>(wait, use_awaitable, self);
}

void launch_turns::pass_on_soon() {
    asio::post(ex_, [weak = weak_from_this()] {
        if (auto self = weak.lock()) self->pass_on();
    });
}

void launch_turns::pass_on() {
    if (waiting_.empty()) {
        is_taken_ = false;
        return;
    }
    auto next = std::move(waiting_.front());
    waiting_.pop_front();
    pass_on_soon();
    std::move(next)();
}

}  // namespace vminit::reaper
