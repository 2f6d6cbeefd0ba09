// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <optional>
#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/runc/console_socket.hpp"

namespace vminit::process {

namespace {

// `operation` is one that does not throw: `||` goes on waiting for the other side then.
awaitable<result<void>> unless_abandoned(awaitable<result<void>> operation, std::shared_ptr<abandonment> abandoned) {
    using namespace asio::experimental::awaitable_operators;
    if (!abandoned) co_return co_await std::move(operation);
    auto outcome = co_await (std::move(operation) || abandoned->wait());
    if (outcome.index() == 0) co_return std::move(std::get<0>(outcome));
    co_return error(errc::cancelled, "create");
}

}  // namespace

awaitable<result<void>> container::open_io(std::shared_ptr<task_process> process) {
    bool is_init = process->state.kind() == process_kind::init;
    io_owner owner(id_, is_init ? std::string() : process->id, options_.io_uid, options_.io_gid);
    auto opened = co_await process_io::open(context_->io, process->uris, std::move(owner));
    if (!opened) co_return opened.error();
    process->use_io(std::move(*opened));
    co_return result<void>();
}

awaitable<result<void>> container::run_runtime(std::shared_ptr<task_process> process, runtime_call call,
                                               std::shared_ptr<abandonment> abandoned) {
    auto& io = *process->io;
    std::optional<runc::console_socket> socket;
    if (io.is_terminal()) {
        auto opened = runc::console_socket::open(context_->runc.config().temp_directory);
        if (!opened) co_return opened.error();
        socket.emplace(std::move(*opened));
    }
    auto running = call(io.child_fds(), socket ? socket->path() : std::string());
    auto outcome = co_await unless_abandoned(caught(std::move(running)), std::move(abandoned));
    io.release_child_ends();
    if (!outcome || !socket) co_return outcome;
    auto master = socket->receive();
    if (!master) co_return master.error();
    co_return io.start_terminal(std::move(*master));
}

awaitable<result<reaper::child>> container::adopt(std::string pid_file) {
    constexpr std::string_view what = "failed to retrieve OCI runtime container pid";
    auto pid = co_await context_->runc.read_pid(bundle_, std::move(pid_file));
    if (!pid) co_return pid.error().within(what);
    auto child = context_->reaper.adopt(*pid);
    if (!child) co_return child.error().within(what);
    co_return child;
}

// A runtime that failed late, without its terminal or by its time limit, may have started the process all the same.
awaitable<void> container::kill_half_started(std::string pid_file) {
    auto child = co_await caught(adopt(std::move(pid_file)));
    if (child) (void)child->signal(SIGKILL);
}

// The runtime's last words may be in the pipes: deliver them, then close.
awaitable<void> container::drop_io(std::shared_ptr<task_process> process) {
    if (!process->io) co_return;
    process->io->release_child_ends();
    process->io->exited();
    co_await process->io->drain();
    co_await process->io->close();
}

void container::enter_cgroup() {
    // A dead init's number may be a stranger's by now (and a stranger's cgroup would be killed with us).
    if (cgroup_ || init_->is_dead()) return;
    const auto& config = context_->config;
    auto found = cgroup::of_process(init_->child.pid(), config.cgroup_root, config.proc);
    if (!found) {
        context_->log.debug("no cgroup", {{"id", id_}, {"error", found.error()}});
        return;
    }
    cgroup_ = std::move(*found);
    auto tell = [context = context_.get(), id = id_] {
        context->exchange.publish(events::task_oom{id});
        context->log.info("processes killed for want of memory", {{"id", id}});
    };
    auto watched = context_->ooms.watch(cgroup_->directory(), std::move(tell));
    if (watched) {
        oom_watch_ = std::move(*watched);
    } else {
        context_->log.info("no watch for out-of-memory kills", {{"id", id_}, {"error", watched.error()}});
    }
}

awaitable<void> container::enable_controllers() {
    if (!cgroup_) co_return;
    auto job = [target = *cgroup_]() -> result<std::vector<error>> { return target.enable_controllers(); };
    auto failures = co_await context_->blocking.run(blocking_lane::kernel_writes, std::move(job), "controllers of " + id_);
    if (!failures) co_return;
    for (const auto& failure : *failures) {
        context_->log.info("controllers not enabled", {{"id", id_}, {"error", failure}});
    }
}

}  // namespace vminit::process
