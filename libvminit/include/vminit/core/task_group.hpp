// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"

namespace vminit {

namespace detail {
struct running_task;
}

/// One task of a group, to stop it alone. Copyable; harmless once the task has ended, and when empty.
class task_handle {
public:
    task_handle() = default;

    /// Asks the task to end (`cancellation_type::terminal`) at the loop's next turn. Idempotent.
    void stop() const;

private:
    friend class task_group;
    explicit task_handle(std::weak_ptr<detail::running_task> task) : task_(std::move(task)) {}
    std::weak_ptr<detail::running_task> task_;
};

/// Owns running coroutines: each has a name, a cancellation signal and someone who waits for it.
///
/// An exception that leaves a task is logged here and ends only that task. Use from the context's thread only.
/// `stop()` then `co_await join()` before destroying the group, unless the context itself is going down: the
/// destructor requests cancellation and lets go, it cannot wait.
class task_group {
public:
    /// `log` outlives the group.
    task_group(executor ex, logger& log);
    ~task_group();
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;

    /// Starts `task`: at once, up to its first suspension, when called from a handler of the context, else at the next turn
    /// of the loop. After `stop()` a new task starts cancelled: its first suspension throws.
    task_handle spawn(std::string_view name, awaitable<void> task);

    /// Asks every task to end (`cancellation_type::terminal`) at the loop's next turn. Idempotent.
    void stop();

    /// Returns when the last task has ended. Not to be called from a task of this group.
    awaitable<void> join();

    std::size_t size() const noexcept;
    bool is_stopping() const noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace vminit
