// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/child.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <new>
#include <string>

#include "reaper/child_state.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::reaper {

namespace {

// Never inline: the reaper may be in the middle of its loop, the caller in the middle of its start.
void post_outcome(executor ex, child_state::wait_handler handler, error_code ec, exit_status status) {
    asio::post(ex, [handler = std::move(handler), ec, status]() mutable { std::move(handler)(ec, status); });
}

// A timer that the exit ends. None without memory.
std::shared_ptr<timer> start_sleep(child_state& target, std::uint64_t number, clock::duration limit) noexcept {
    try {
        auto sleep = std::make_shared<timer>(target.ex, limit);
        target.waiters.emplace(number, [weak = std::weak_ptr(sleep)](error_code, exit_status) {
            if (auto sleeping = weak.lock()) sleeping->cancel();
        });
        return sleep;
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
}

// For who has no memory to be told of it.
awaitable<std::optional<exit_status>> look_for_exit(std::shared_ptr<child_state> target, clock::duration limit) {
    constexpr auto pause = std::chrono::milliseconds(10);
    timer sleep(target->ex);
    for (auto end = clock::now() + limit; !target->status && clock::now() < end;) {
        sleep.expires_at(std::min<clock::time_point>(end, clock::now() + pause));
        auto [cancelled] = co_await sleep.async_wait(as_tuple_awaitable);
        if (cancelled) break;
    }
    co_return target->status;
}

std::string pid_text(pid_t pid) { return "pid " + std::to_string(pid); }

}  // namespace

void child_state::complete(exit_status ended) {
    if (status) return;
    status = ended;
    auto woken = std::move(waiters);
    waiters.clear();
    for (auto& [number, handler] : woken) post_outcome(ex, std::move(handler), {}, ended);
}

void child_state::cancel(std::uint64_t waiter) {
    auto node = waiters.extract(waiter);
    if (node) post_outcome(ex, std::move(node.mapped()), asio::error::operation_aborted, {});
}

pid_t child::pid() const noexcept { return state_->pid; }

std::optional<exit_status> child::exited() const noexcept { return state_->status; }

void child::start_wait(std::shared_ptr<child_state> target, wait_handler handler) {
    if (target->status) return post_outcome(target->ex, std::move(handler), {}, *target->status);
    auto number = target->next_waiter++;
    auto slot = asio::get_associated_cancellation_slot(handler);
    try {
        target->waiters.emplace(number, std::move(handler));
    } catch (const std::bad_alloc&) {
        // Thrown on, it would take the waiting coroutine with it, unheard. The place is made before the handler moves.
        return post_outcome(target->ex, std::move(handler), asio::error::no_memory, {});
    }
    if (!slot.is_connected()) return;
    slot.assign([weak = std::weak_ptr(target), number](asio::cancellation_type) {
        if (auto waited = weak.lock()) waited->cancel(number);
    });
}

awaitable<exit_status> child::wait_on(std::shared_ptr<child_state> target) {
    auto handle = child(std::move(target));
    co_return co_await handle.async_wait(use_awaitable);
}

awaitable<exit_status> child::wait() const { return wait_on(state_); }

awaitable<std::optional<exit_status>> child::wait_on_for(std::shared_ptr<child_state> target, clock::duration limit) {
    if (target->status) co_return target->status;
    auto number = target->next_waiter++;
    // A sleep that the exit cuts short: `wait || sleep_for` would throw in the loser, for each runtime that ever ends.
    auto sleep = start_sleep(*target, number, limit);
    if (!sleep) co_return co_await look_for_exit(std::move(target), limit);
    co_await sleep->async_wait(as_tuple_awaitable);
    target->waiters.erase(number);
    co_return target->status;
}

awaitable<std::optional<exit_status>> child::wait_for(clock::duration limit) const {
    return wait_on_for(state_, limit);
}

result<void> child::signal(int number) const {
    if (state_->status) return error(syscalls::detail::errno_code(ESRCH), "pidfd_send_signal " + pid_text(state_->pid));
    auto sent = syscalls::check("pidfd_send_signal", pid_text(state_->pid), [&] {
        return ::syscall(SYS_pidfd_send_signal, state_->pidfd.get(), number, nullptr, 0);
    });
    if (!sent) return sent.error();
    return {};
}

result<void> child::signal_group(int number) const {
    if (state_->group == process_group::inherited) {
        return error(errc::failed_precondition, pid_text(state_->pid) + " leads no process group");
    }
    if (state_->status) return error(syscalls::detail::errno_code(ESRCH), "kill group of " + pid_text(state_->pid));
    // No words before they are needed: what has no memory any more is still killed.
    auto sent = syscalls::raw("kill", [&] { return ::kill(-state_->pid, number); });
    if (!sent) return error(sent.error(), "kill group of " + pid_text(state_->pid));
    return {};
}

}  // namespace vminit::reaper
