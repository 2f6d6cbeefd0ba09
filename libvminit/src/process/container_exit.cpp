// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::process {

namespace {

awaitable<result<reaper::exit_status>> exit_of(const reaper::child& child) { co_return co_await child.wait(); }

// The wait itself may lack memory; whoever watches for an exit must not miss it.
awaitable<reaper::exit_status> await_exit(const reaper::child& child) {
    constexpr auto pause = std::chrono::milliseconds(10);
    for (;;) {
        auto status = co_await caught(exit_of(child));
        if (status) co_return *status;
        co_await sleep_for(pause);
    }
}

awaitable<result<void>> drained(process_io& io) {
    co_await io.drain();
    co_return result<void>();
}

awaitable<result<void>> last_look(oom_watch& watch) {
    watch.stop();
    co_return result<void>();
}

}  // namespace

awaitable<void> container::watch_init(std::shared_ptr<container> self) {
    auto init = self->init_;
    auto status = co_await await_exit(init->child);
    self->order_.init_died();
    init->io->exited();
    co_await self->until(&exit_order::may_kill_rest);
    // With its own pid namespace the kernel has killed them with init (pid_namespaces(7)).
    if (!self->has_private_pids_) co_await self->attempt("processes may be left", self->kill_rest());
    co_await self->until(&exit_order::may_tell_init_exit);
    co_await self->attempt("output may be lost", drained(*init->io));
    co_await self->attempt("kills for want of memory may not be told", last_look(self->oom_watch_));
    self->tell_exit(*init, status);
}

awaitable<void> container::watch_exec(std::shared_ptr<container> self, std::shared_ptr<exec_process> exec) {
    // Here before its process is.
    while (!exec->child && !exec->state.has_exited()) co_await exec->changed.wait();
    if (!exec->child) co_return;
    auto status = co_await await_exit(exec->child);
    exec->io->exited();
    co_await self->attempt("output may be lost", drained(*exec->io));
    self->tell_exit(*exec, status);
    self->order_.exec_ended();
    self->order_changed_.notify_all();
}

// Whatever goes wrong in it, its caller goes on: an exit is told, a failed start is undone.
awaitable<void> container::attempt(std::string_view problem, awaitable<result<void>> operation) {
    auto done = co_await caught(std::move(operation));
    if (!done) succeeds([&] { context_->log.warn(problem, {{"id", id_}, {"error", done.error()}}); });
}

awaitable<result<void>> container::kill_rest() {
    // Without a runtime where the kernel can do it.
    if (cgroup_) {
        auto job = [target = *cgroup_] { return target.kill(); };
        auto done = co_await context_->blocking.run(blocking_lane::kernel_writes, std::move(job), "kill rest of " + id_);
        if (done) co_return result<void>();
    }
    co_return co_await context_->runc.kill_all(ref_);
}

// In one turn of the loop, the event first: nobody sees the state before the event has its place. An event that cannot
// be published keeps the exit from nobody who waits for it.
void container::tell_exit(task_process& process, reaper::exit_status status) {
    auto exit_status = static_cast<std::uint32_t>(status.value);
    bool is_published = succeeds([&] {
        events::task_exit event;
        event.container_id = id_;
        event.id = process.id;
        event.pid = process.state.pid();
        event.exit_status = exit_status;
        event.exited_at = status.exited_at;
        publish(std::move(event));
    });
    process.state.exited(exit_status, status.exited_at);
    process.changed.notify_all();
    bool is_exec = process.state.kind() == process_kind::exec;
    auto exec_id = is_exec ? std::string_view(process.id) : std::string_view();
    succeeds([&] {
        if (!is_published) context_->log.error("exit could not be published", {{"id", id_}, {"exec_id", exec_id}});
        // Execs come by the thousand (health checks), and a console is slow.
        auto say = is_exec ? &logger::debug : &logger::info;
        (context_->log.*say)("process exited", {{"id", id_},
                                                {"exec_id", exec_id},
                                                {"pid", process.state.pid()},
                                                {"status", exit_status}});
    });
}

awaitable<void> container::until(bool (exit_order::*is_met)() const noexcept) {
    while (!(order_.*is_met)()) co_await order_changed_.wait();
}

}  // namespace vminit::process
