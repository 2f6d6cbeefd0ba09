#include "vminit/core/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <exception>
#include <list>
#include <utility>

#include "vminit/core/condition.hpp"

namespace vminit {

namespace {

struct running_task {
    std::string name;
    asio::cancellation_signal signal;
    bool is_told = false;  // to end
};

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

    void finish(std::list<running_task>::iterator task, std::exception_ptr failure) {
        if (failure) {
            if (auto text = describe(failure); !text.empty()) {
                log.error("task failed", {{"task", task->name}, {"error", text}});
            }
        }
        tasks.erase(task);
        ended.notify_all();
    }

    void cancel_all() {
        // A task may end inside emit() and erase itself: step past it first.
        for (auto task = tasks.begin(); task != tasks.end();) {
            auto& one = *task++;
            if (!std::exchange(one.is_told, true)) one.signal.emit(asio::cancellation_type::terminal);
        }
    }

    executor ex;
    logger& log;
    std::list<running_task> tasks;
    condition ended;
    bool is_stopping = false;
};

task_group::task_group(executor ex, logger& log) : state_(std::make_shared<state>(ex, log)) {}

task_group::~task_group() { stop(); }

void task_group::spawn(std::string_view name, awaitable<void> task) {
    auto& entry = state_->tasks.emplace_back();
    entry.name = name;
    auto position = std::prev(state_->tasks.end());
    auto finished = [owner = state_, position](std::exception_ptr failure) { owner->finish(position, failure); };
    asio::co_spawn(state_->ex, std::move(task), asio::bind_cancellation_slot(entry.signal.slot(), std::move(finished)));
    if (!state_->is_stopping) return;
    entry.is_told = true;
    entry.signal.emit(asio::cancellation_type::terminal);
}

void task_group::stop() {
    state_->is_stopping = true;
    // Outside a handler co_spawn would post the cancellation with a pointer into the task, which may end before it runs.
    asio::dispatch(state_->ex, [owner = state_] { owner->cancel_all(); });
}

awaitable<void> task_group::join() {
    auto owner = state_;
    while (!owner->tasks.empty()) co_await owner->ended.wait();
}

std::size_t task_group::size() const noexcept { return state_->tasks.size(); }

bool task_group::is_stopping() const noexcept { return state_->is_stopping; }

}  // namespace vminit
