// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::process {

/// Told to an operation whose caller has gone; one that can be given up looks at it.
class abandonment {
public:
    explicit abandonment(executor ex) : changed_(ex) {}

    void tell() {
        is_told_ = true;
        changed_.notify_all();
    }

    bool is_told() const noexcept { return is_told_; }

    /// Returns when told, or when cancelled.
    awaitable<void> wait() {
        while (!is_told_) {
            auto cancellation = co_await asio::this_coro::cancellation_state;
            if (cancellation.cancelled() != asio::cancellation_type::none) co_return;
            co_await changed_.wait();
        }
    }

private:
    condition changed_;
    bool is_told_ = false;
};

template <class T>
struct pending_outcome {
    explicit pending_outcome(executor ex) : changed(ex) {}
    std::optional<result<T>> value;
    condition changed;
};

template <class T>
awaitable<void> deliver(std::shared_ptr<pending_outcome<T>> outcome, awaitable<result<T>> operation) {
    try {
        auto value = co_await std::move(operation);
        outcome->value.emplace(std::move(value));
    } catch (...) {
        // Without a word: it may be memory that is missing, and whoever waits must not be left waiting.
        outcome->value.emplace(error(errc::internal));
        outcome->changed.notify_all();
        throw;
    }
    outcome->changed.notify_all();
}

/// Runs `operation` as a task of `tasks`: it goes on when the caller is cancelled, so that it can undo what it began
/// with ordinary code. The caller gets `cancelled` at once then, and `abandoned`, if any, is told.
template <class T>
awaitable<result<T>> run_to_end(executor ex, task_group& tasks, std::string name, awaitable<result<T>> operation,
                                std::shared_ptr<abandonment> abandoned = nullptr) {
    auto outcome = std::make_shared<pending_outcome<T>>(ex);
    tasks.spawn(name, deliver<T>(outcome, std::move(operation)));
    while (!outcome->value) {
        auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) {
            if (abandoned) abandoned->tell();
            co_return error(errc::cancelled, std::move(name));
        }
        co_await outcome->changed.wait();
    }
    co_return std::move(*outcome->value);
}

}  // namespace vminit::process
