// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "vminit/core/condition.hpp"

namespace vminit {

/// A bounded queue between coroutines of one context. What is buffered when it is closed is still delivered.
///
/// (Asio 1.26's `experimental::channel` drops its buffer on `close()` and fails `try_send` after a cancelled receive.)
template <class T>
class mailbox {
public:
    mailbox(executor ex, std::size_t capacity) : capacity_(capacity), changed_(ex) {}

    /// False, and `value` dropped, when full or closed: the caller decides what overflow means.
    [[nodiscard]] bool try_push(T value) {
        if (closed_ || items_.size() >= capacity_) return false;
        items_.push_back(std::move(value));
        changed_.notify_all();
        return true;
    }

    /// Waits for room. False when closed first, or cancelled.
    awaitable<bool> push(T value) {
        for (;;) {
            if (closed_ || items_.size() < capacity_) co_return try_push(std::move(value));
            auto cancellation = co_await asio::this_coro::cancellation_state;
            if (cancellation.cancelled() != asio::cancellation_type::none) co_return false;
            co_await changed_.wait();
        }
    }

    /// The oldest item; `nullopt` when closed and empty, or cancelled.
    awaitable<std::optional<T>> pop() {
        for (;;) {
            if (!items_.empty()) co_return take();
            if (closed_) co_return std::nullopt;
            auto cancellation = co_await asio::this_coro::cancellation_state;
            if (cancellation.cancelled() != asio::cancellation_type::none) co_return std::nullopt;
            co_await changed_.wait();
        }
    }

    /// The oldest item without waiting.
    std::optional<T> try_pop() {
        if (items_.empty()) return std::nullopt;
        return take();
    }

    /// Refuses further items and wakes everyone. Idempotent.
    void close() {
        closed_ = true;
        changed_.notify_all();
    }

    bool is_closed() const noexcept { return closed_; }
    std::size_t size() const noexcept { return items_.size(); }

private:
    std::optional<T> take() {
        std::optional<T> item(std::move(items_.front()));
        items_.pop_front();
        changed_.notify_all();
        return item;
    }

    std::size_t capacity_;
    bool closed_ = false;
    std::deque<T> items_;
    condition changed_;
};

}  // namespace vminit
