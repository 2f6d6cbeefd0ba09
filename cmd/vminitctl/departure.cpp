// SPDX-License-Identifier: Apache-2.0
#include "departure.hpp"

#include <signal.h>

#include <algorithm>

#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace {
constexpr int signal_status = 128;  // as shells say it
}

clock::duration clean_up_limit(int signal) noexcept {
    return signal == SIGHUP ? hang_up_limit : std::chrono::milliseconds(900);
}

departure::departure(asio::io_context& context)
    : signals_(context.get_executor()),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT}) signals_.add(signal);
}

void departure::tell(int signal, clock::duration limit) {
    if (signal_ == 0) signal_ = signal;
    auto due = clock::now() + limit;
    deadline_ = deadline_ ? std::min(*deadline_, due) : due;
    changed_.notify_all();
}

int departure::status() const noexcept { return signal_status + signal_; }

awaitable<void> departure::read_signals(std::function<void(int)> on_signal) {
    for (;;) {
        auto [failure, signal] = co_await signals_.async_wait(as_tuple_awaitable);
        if (failure) co_return;
        on_signal(signal);
    }
}

awaitable<void> departure::due() {
    using namespace asio::experimental::awaitable_operators;
    for (;;) {
        if (!deadline_) {
            co_await changed_.wait();
            continue;
        }
        auto left = *deadline_ - clock::now();
        if (left <= clock::duration::zero()) co_return;
        co_await (changed_.wait() || sleep_for(left));
    }
}

}  // namespace vminit::vminitctl
