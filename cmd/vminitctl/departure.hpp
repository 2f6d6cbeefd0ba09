// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/basic_signal_set.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "vminit/core/clock.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::vminitctl {

/// For who has lost their terminal or their reader: nobody waits for us, and what we run shall be gone.
inline constexpr clock::duration hang_up_limit = std::chrono::seconds(10);

/// How long what we made is cleared away after `signal`. Who presses ^C shall not wait a second.
clock::duration clean_up_limit(int signal) noexcept;

/// Our own end before the command's: for which signal (SIGPIPE = nobody reads our stdout), and by when at the latest.
///
/// From its construction on, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH and SIGCONT wait here instead of doing what
/// they do by default.
class departure {
public:
    explicit departure(asio::io_context& context);

    /// To leave within `limit`. The first signal told is the one we leave by; the nearest limit counts.
    void tell(int signal, clock::duration limit);
    bool is_told() const noexcept { return signal_ != 0; }

    /// Our exit status when told: 128 and the signal.
    int status() const noexcept;

    /// Runs `command` and hands each signal to `on_signal` meanwhile. When the time has come to
    /// leave, `command` is cancelled and the outcome is errc::cancelled. Afterwards signals do again what they do by
    /// default. Once only.
    template <class T>
    awaitable<result<T>> watch(awaitable<result<T>> command, std::function<void(int)> on_signal) {
        using namespace asio::experimental::awaitable_operators;
        tasks_.spawn("signals", read_signals(std::move(on_signal)));
        auto outcome = co_await (contained(std::move(command)) || due());
        signals_.clear();
        tasks_.stop();
        co_await tasks_.join();
        if (outcome.index() == 0) co_return std::move(std::get<0>(outcome));
        co_return error(errc::cancelled);
    }

private:
    // In `a || b` a branch that throws would leave the other one waiting.
    template <class T>
    static awaitable<result<T>> contained(awaitable<result<T>> command) {
        try {
            co_return co_await std::move(command);
        } catch (const std::exception& thrown) {
            co_return error(errc::internal, thrown.what());
        }
    }

    awaitable<void> read_signals(std::function<void(int)> on_signal);
    awaitable<void> due();

    asio::basic_signal_set<executor> signals_;
    int signal_ = 0;
    std::optional<clock::time_point> deadline_;
    condition changed_;
    task_group tasks_;
};

}  // namespace vminit::vminitctl
