#include <unistd.h>

#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "process/own_places.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::process {

namespace {

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
    init_->state.begin_remove();
    auto removed = co_await caught(remove_steps(mode, answer_by));
    if (!removed) {
        init_->state.remove_failed();
        context_->log.warn("container could not be deleted", {{"id", id_}, {"error", removed.error()}});
        co_return removed.error();
    }
    co_await remove_own_bundle(context_, bundle_);
    auto exit = init_->state.exit();
    init_->state.removed();
    init_->changed.notify_all();
    if (context_->config.dialect.task_delete == delete_event::published) {
        events::task_delete event;
        event.container_id = id_;
        event.pid = exit.pid;
        event.exit_status = exit.status;
        event.exited_at = exit.exited_at.value_or(wall_time());
        publish(std::move(event));
    }
    context_->log.info("container deleted", {{"id", id_}, {"status", exit.status}});
    co_return exit;
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
    auto execs = std::exchange(execs_, {});
    for (auto& [exec_id, exec] : execs) {
        if (exec->io) co_await exec->io->close();
        exec->state.removed();
        exec->changed.notify_all();
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
    exec->state.begin_remove();
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
    context_->log.debug("exec deleted", {{"id", id_}, {"exec_id", exec_id}});
    co_return exit;
}

}  // namespace vminit::process
