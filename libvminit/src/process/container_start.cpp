#include <signal.h>

#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "vminit/core/identifier.hpp"
#include "vminit/runc/spec_fit.hpp"

namespace vminit::process {

awaitable<result<std::uint32_t>> container::start_init() {
    if (auto allowed = init_->state.check(process_call::start); !allowed) co_return allowed.error();
    init_->state.begin_start();
    order_.init_starting();
    enter_cgroup();
    co_await enable_controllers();
    auto started = co_await caught(context_->runc.start(ref_));
    auto pid = init_->state.pid();
    if (started) {
        publish(events::task_start{id_, pid});
        init_->state.started(pid);
        context_->log.info("container started", {{"id", id_}, {"pid", pid}});
    } else {
        init_->state.start_failed();
        context_->log.info("container could not be started", {{"id", id_}, {"error", started.error()}});
    }
    order_.init_start_ended();
    order_changed_.notify_all();
    if (!started) co_return started.error();
    co_return pid;
}

result<void> container::add_exec(exec_request request) {
    if (auto allowed = init_->state.check(process_call::exec); !allowed) return allowed.error();
    if (!is_identifier(request.exec_id)) {
        return error(errc::invalid_argument, "exec id \"" + request.exec_id + "\" is not an identifier");
    }
    // Hosts tell init's exit from an exec's by comparing the two.
    if (request.exec_id == id_) return error(errc::invalid_argument, "exec id " + id_ + " is the container's");
    if (execs_.contains(request.exec_id)) return error(errc::already_exists, "id " + request.exec_id);
    if (execs_.size() >= process_service::max_execs_per_container) {
        return error(errc::resource_exhausted, "container " + id_ + ": too many execs");
    }
    auto terminal = request.stdio.terminal ? runc::terminal_mode::terminal : runc::terminal_mode::none;
    auto spec = runc::fit_process(request.spec_json, terminal, process_facts_);
    if (!spec) return spec.error();
    log_remarks(request.exec_id, spec->said);
    auto exec =
        std::make_shared<exec_process>(context_->ex(), request.exec_id, std::move(request.stdio), std::move(spec->text));
    publish(events::task_exec_added{id_, exec->id});
    execs_.emplace(exec->id, exec);
    return {};
}

awaitable<result<std::uint32_t>> container::start_exec(std::string exec_id) {
    auto found = execs_.find(exec_id);
    if (found == execs_.end()) co_return error(errc::not_found, "process does not exist " + exec_id);
    auto exec = found->second;
    if (!order_.may_start_exec()) {
        co_return error(errc::failed_precondition, "container " + id_ + " init process is not running");
    }
    if (auto allowed = exec->state.check(process_call::start); !allowed) co_return allowed.error();
    exec->state.begin_start();
    order_.exec_starting();
    enter_cgroup();
    auto started = co_await caught(start_exec_steps(exec));
    if (started) co_return started;
    // It may have failed when the process was ours already: by an exception.
    if (exec->child) (void)exec->child.signal(SIGKILL);
    exec->state.start_failed_for_good(wall_now());
    exec->changed.notify_all();
    order_.exec_ended();
    order_changed_.notify_all();
    context_->log.info("exec could not be started", {{"id", id_}, {"exec_id", exec_id}, {"error", started.error()}});
    co_return started;
}

awaitable<result<std::uint32_t>> container::start_exec_steps(std::shared_ptr<exec_process> exec) {
    auto opened = co_await open_io(exec);
    if (!opened) co_return opened.error();
    runc::exec_options options(ref_, exec->id, std::exchange(exec->spec, std::string()));
    runtime_call call = [service = &context_->runc, options = std::move(options)](runc::stdio_fds stdio,
                                                                                  std::string console_socket) {
        auto complete = options;
        complete.stdio = stdio;
        complete.console_socket = std::move(console_socket);
        return service->exec(std::move(complete));
    };
    auto pid_file = runc::runc_service::exec_pid_file(bundle_, exec->id);
    auto hold = context_->reaper.hold();
    auto ran = co_await run_runtime(exec, std::move(call), nullptr);
    auto child = ran ? adopt(pid_file) : result<reaper::child>(ran.error());
    if (!child) {
        if (!ran) kill_half_started(pid_file);
        hold.release();
        co_await drop_io(exec);
        co_return child.error();
    }
    hold.release();
    exec->child = std::move(*child);
    auto pid = static_cast<std::uint32_t>(exec->child.pid());
    publish(events::task_exec_started{id_, exec->id, pid});
    exec->state.started(pid);
    context_->log.debug("exec started", {{"id", id_}, {"exec_id", exec->id}, {"pid", pid}});
    // Power-off has begun while the runtime was at work: nobody else kills it.
    if (context_->is_going_down) (void)exec->child.signal(SIGKILL);
    context_->tasks->spawn("exec exit", watch_exec(shared_from_this(), exec));
    co_return pid;
}

}  // namespace vminit::process
