// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "process/own_places.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::process {

namespace {

// A Delete under way, which others may not begin too. However it fails, it can be repeated.
class removal_in_flight {
public:
    explicit removal_in_flight(process_state& of) noexcept : state_(of) { state_.begin_remove(); }
    ~removal_in_flight() { state_.remove_failed(); }
    removal_in_flight(const removal_in_flight&) = delete;
    removal_in_flight& operator=(const removal_in_flight&) = delete;

private:
    process_state& state_;
};

awaitable<void> await_exit(std::shared_ptr<task_process> process) {
    while (!process->state.has_exited()) co_await process->changed.wait();
}

// A caller that goes away before it is answered never learns the exit, so half of its time is left for the rest.
awaitable<void> drain_again(process_io& io, std::optional<clock::time_point> answer_by) {
    io.be_patient_again();
    auto now = clock::now();
    co_await io.drain(answer_by ? now + (*answer_by - now) / 2 : clock::time_point::max());
}

}  // namespace

awaitable<result<process_exit>> container::remove_init(std::optional<clock::time_point> answer_by) {
    if (auto allowed = init_->state.check(process_call::remove); !allowed) co_return allowed.error();
    // Created, or dead with its exit not told yet: the runtime kills what is left, and the exit is told before we
    // answer.
    auto mode = init_->state.has_exited() ? runc::remove_mode::normal : runc::remove_mode::force;
    removal_in_flight removing(init_->state);
    auto removed = co_await caught(remove_steps(mode, answer_by));
    if (!removed) {
        succeeds([&] {
            context_->log.warn("container could not be deleted", {{"id", id_}, {"error", removed.error()}});
        });
        co_return removed.error();
    }
    auto exit = init_->state.exit();
    init_->state.removed();
    init_->changed.notify_all();
    tell_deleted(exit);
    co_return exit;
}

void container::tell_deleted(const process_exit& exit) noexcept {
    bool is_told = context_->config.dialect.task_delete == delete_event::published;
    succeeds([&] {
        if (!is_told) return;
        events::task_delete event;
        event.container_id = id_;
        event.pid = exit.pid;
        event.exit_status = exit.status;
        event.exited_at = exit.exited_at.value_or(wall_time());
        publish(std::move(event));
    });
    succeeds([&] { context_->log.info("container deleted", {{"id", id_}, {"status", exit.status}}); });
}

awaitable<result<void>> container::remove_steps(runc::remove_mode mode, std::optional<clock::time_point> answer_by) {
    if (mode == runc::remove_mode::normal) co_await drain_again(*init_->io, answer_by);
    auto removed = co_await context_->runc.remove(ref_, mode);
    if (!removed) co_return removed.error();
    auto exited = co_await await_init_exit();
    if (!exited) co_return exited.error();
    co_await drop_execs();
    co_await init_->io->close();
    auto unmounted = co_await unmount();
    if (!unmounted) co_return unmounted.error().within("failed rootfs umount");
    co_await remove_own_bundle(context_, bundle_);
    co_return result<void>();
}

awaitable<result<void>> container::await_init_exit() {
    using namespace asio::experimental::awaitable_operators;
    if (init_->state.has_exited()) co_return result<void>();
    co_await (await_exit(init_) || sleep_for(context_->config.limits.removed_exit));
    if (init_->state.has_exited()) co_return result<void>();
    co_return error(errc::deadline_exceeded, "init of container " + id_ + " has not exited");
}

awaitable<void> container::drop_execs() {
    while (!execs_.empty()) {
        auto exec = execs_.begin()->second;
        if (exec->io) co_await exec->io->close();
        exec->state.removed();
        exec->changed.notify_all();
        execs_.erase(exec->id);
    }
}

awaitable<result<void>> container::unmount() {
    if (rootfs_.mount_points.empty()) co_return result<void>();
    auto unmounted = co_await runc::unmount_rootfs(context_->context, rootfs_);
    if (unmounted) rootfs_ = runc::rootfs_mounts();
    co_return unmounted;
}

awaitable<result<process_exit>> container::remove_exec(std::string exec_id,
                                                       std::optional<clock::time_point> answer_by) {
    auto found = execs_.find(exec_id);
    if (found == execs_.end()) co_return error(errc::not_found, "process does not exist " + exec_id);
    auto exec = found->second;
    if (auto allowed = exec->state.check(process_call::remove); !allowed) co_return allowed.error();
    removal_in_flight removing(exec->state);
    if (exec->io) {
        co_await drain_again(*exec->io, answer_by);
        co_await exec->io->close();
    }
    auto pid_file = runc::runc_service::exec_pid_file(bundle_, exec_id);
    co_await erase_in_bundle(context_, bundle_, std::move(pid_file));
    auto exit = exec->state.exit();
    exec->state.removed();
    exec->changed.notify_all();
    // The container may have been deleted meanwhile, and its execs with it.
    if (auto still = execs_.find(exec_id); still != execs_.end() && still->second == exec) execs_.erase(still);
    succeeds([&] { context_->log.debug("exec deleted", {{"id", id_}, {"exec_id", exec_id}}); });
    co_return exit;
}

}  // namespace vminit::process
