// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <exception>
#include <list>
#include <utility>

#include "vminit/core/condition.hpp"

namespace vminit {

namespace detail {

struct running_task : std::enable_shared_from_this<running_task> {
    running_task(executor context_executor, std::string_view task_name) : ex(context_executor), name(task_name) {}

    // Never in place: what co_spawn itself awaits, before a task begins and after one ends that never suspended, would throw
    // out of the loop when cancelled. A turn later the task has been suspended, or is past all that.
    void cancel() {
        if (std::exchange(is_told, true)) return;
        asio::post(ex, [self = shared_from_this()] {
            if (!self->has_ended) self->signal.emit(asio::cancellation_type::terminal);
        });
    }

    executor ex;
    std::string name;
    asio::cancellation_signal signal;
    bool is_told = false;  // to end
    bool has_ended = false;
};

}  // namespace detail

using detail::running_task;

namespace {

// What an exception that reached a task's end was about; cancellation is an ordinary end.
std::string describe(std::exception_ptr failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const boost::system::system_error& thrown) {
        return thrown.code() == asio::error::operation_aborted ? std::string() : std::string(thrown.what());
    } catch (const std::exception& thrown) {
        return thrown.what();
    } catch (...) {
        return "exception of unknown type";
    }
}

}  // namespace

// Shared with the completion handlers, which may outlive the group when a context goes down.
struct task_group::state {
    state(executor context_executor, logger& where) : ex(context_executor), log(where), ended(context_executor) {}

    void finish(std::list<std::shared_ptr<running_task>>::iterator task, std::exception_ptr failure) {
        auto done = *task;
        done->has_ended = true;
        tasks.erase(task);
        ended.notify_all();
        if (!failure) return;
        if (auto text = describe(failure); !text.empty()) {
            log.error("task failed", {{"task", done->name}, {"error", text}});
        }
    }

    executor ex;
    logger& log;
    std::list<std::shared_ptr<running_task>> tasks;
    condition ended;
    bool is_stopping = false;
};

task_group::task_group(executor ex, logger& log) : state_(std::make_shared<state>(ex, log)) {}

task_group::~task_group() { stop(); }

task_handle task_group::spawn(std::string_view name, awaitable<void> task) {
    auto entry = state_->tasks.emplace_back(std::make_shared<running_task>(state_->ex, name));
    auto position = std::prev(state_->tasks.end());
    auto finished = [owner = state_, position](std::exception_ptr failure) { owner->finish(position, failure); };
    asio::co_spawn(state_->ex, std::move(task), asio::bind_cancellation_slot(entry->signal.slot(), std::move(finished)));
    if (state_->is_stopping) entry->cancel();
    return task_handle(entry);
}

void task_handle::stop() const {
    if (auto task = task_.lock()) task->cancel();
}

void task_group::stop() {
    state_->is_stopping = true;
    for (const auto& task : state_->tasks) task->cancel();
}

awaitable<void> task_group::join() {
    auto owner = state_;
    while (!owner->tasks.empty()) co_await owner->ended.wait();
}

std::size_t task_group::size() const noexcept { return state_->tasks.size(); }

bool task_group::is_stopping() const noexcept { return state_->is_stopping; }

}  // namespace vminit
