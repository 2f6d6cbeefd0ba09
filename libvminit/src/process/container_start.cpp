// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "vminit/core/identifier.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/runc/spec_fit.hpp"

namespace vminit::process {

// Ends what a Start has begun, on every path out of it: what is still starting then has failed.
class container::start_in_flight {
public:
    start_in_flight(container& owner, task_process& process) noexcept : owner_(owner), process_(process) {
        process_.state.begin_start();
        is_exec() ? owner_.order_.exec_starting() : owner_.order_.init_starting();
    }
    ~start_in_flight() {
        bool has_failed = process_.state.is_starting();
        if (is_exec()) {
            if (has_failed) process_.state.start_failed_for_good(wall_now());
            if (has_failed) owner_.order_.exec_ended();
            process_.changed.notify_all();
        } else {
            if (has_failed) process_.state.start_failed();
            owner_.order_.init_start_ended();
        }
        owner_.order_changed_.notify_all();
    }
    start_in_flight(const start_in_flight&) = delete;
    start_in_flight& operator=(const start_in_flight&) = delete;

private:
    bool is_exec() const noexcept { return process_.state.kind() == process_kind::exec; }

    container& owner_;
    task_process& process_;
};

awaitable<result<std::uint32_t>> container::start_init() {
    if (auto allowed = init_->state.check(process_call::start); !allowed) co_return allowed.error();
    start_in_flight starting(*this, *init_);
    auto started = co_await caught(run_start());
    if (!started) {
        succeeds([&] {
            context_->log.info("container could not be started", {{"id", id_}, {"error", started.error()}});
        });
        co_return started.error();
    }
    auto pid = init_->state.pid();
    succeeds([&] { publish(events::task_start{id_, pid}); });
    init_->state.started(pid);
    succeeds([&] { context_->log.info("container started", {{"id", id_}, {"pid", pid}}); });
    co_return pid;
}

awaitable<result<void>> container::run_start() {
    enter_cgroup();
    co_await enable_controllers();
    co_return co_await context_->runc.start(ref_);
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
    execs_.emplace(exec->id, exec);
    // In the same turn of the loop: nobody has seen it without its event.
    succeeds([&] { publish(events::task_exec_added{id_, exec->id}); });
    return {};
}

awaitable<result<std::string>> container::with_user_numbers(std::string process_json) {
    if (!runc::may_name_user(process_json)) co_return process_json;
    auto job = [spec = std::move(process_json), root = root_] { return runc::with_user_numbers(spec, root); };
    auto looking = context_->blocking.run(blocking_lane::files, std::move(job), "user of an exec of " + id_);
    co_return co_await with_timeout(std::move(looking), context_->config.limits.mount, "looking for the user");
}

awaitable<result<std::uint32_t>> container::start_exec(std::string exec_id) {
    auto found = execs_.find(exec_id);
    if (found == execs_.end()) co_return error(errc::not_found, "process does not exist " + exec_id);
    auto exec = found->second;
    if (!order_.may_start_exec()) {
        co_return error(errc::failed_precondition, "container " + id_ + " init process is not running");
    }
    if (auto allowed = exec->state.check(process_call::start); !allowed) co_return allowed.error();
    start_in_flight starting(*this, *exec);
    // First: once its process runs, nothing may go wrong any more.
    context_->tasks->spawn("exec exit", watch_exec(shared_from_this(), exec));
    auto child = co_await caught(run_exec(exec));
    if (!child) {
        co_await attempt("output may be lost", as_result(drop_io(exec)));
        succeeds([&] {
            context_->log.info("exec could not be started",
                               {{"id", id_}, {"exec_id", exec_id}, {"error", child.error()}});
        });
        co_return child.error();
    }
    exec->child = std::move(*child);
    tell_exec_started(*exec);
    co_return exec->state.pid();
}

// Runs the runtime. Fails with nothing of the process left.
awaitable<result<reaper::child>> container::run_exec(std::shared_ptr<exec_process> exec) {
    enter_cgroup();
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
    auto ran = co_await caught(run_runtime(exec, std::move(call), nullptr));
    result<reaper::child> child = ran ? result<reaper::child>() : ran.error();
    if (ran) child = co_await caught(adopt(pid_file));
    if (!child) co_await kill_half_started(std::move(pid_file));
    co_return child;
}

// The event first, then the state: nobody sees it running before its event has a place.
void container::tell_exec_started(exec_process& exec) noexcept {
    auto pid = static_cast<std::uint32_t>(exec.child.pid());
    succeeds([&] { publish(events::task_exec_started{id_, exec.id, pid}); });
    exec.state.started(pid);
    // What ends with init, or at power-off, has been killed while the runtime was at work: this one came too late.
    bool is_late = context_->is_going_down || order_.is_init_dead();
    succeeds([&] {
        if (is_late) (void)exec.child.signal(SIGKILL);
        context_->log.debug("exec started", {{"id", id_}, {"exec_id", exec.id}, {"pid", pid}});
    });
}

}  // namespace vminit::process
