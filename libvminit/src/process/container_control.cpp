// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "process/caught.hpp"
#include "process/container.hpp"
#include "vminit/runc/spec_fit.hpp"

namespace vminit::process {

namespace {

error already_finished() { return error(errc::not_found, "process already finished"); }

}  // namespace

awaitable<result<void>> container::kill_init(int signal, runc::kill_scope scope) {
    if (auto allowed = init_->state.check(process_call::kill); !allowed) co_return allowed.error();
    if (init_->is_dead()) co_return already_finished();
    auto killed = co_await context_->runc.kill(ref_, signal, scope);
    // Whatever the runtime's words for it are, we know better.
    if (!killed && init_->is_dead()) co_return already_finished();
    co_return killed;
}

result<void> container::kill_exec(const std::string& exec_id, int signal) {
    auto found = execs_.find(exec_id);
    if (found == execs_.end()) return error(errc::not_found, "process does not exist " + exec_id);
    const auto& exec = *found->second;
    if (auto allowed = exec.state.check(process_call::kill); !allowed) return allowed.error();
    if (exec.is_dead() || exec.state.has_exited()) return already_finished();
    if (!exec.child) return error(errc::failed_precondition, "process not created");
    auto sent = exec.child.signal(signal);
    if (sent) return {};
    if (sent.error().kind() == errc::not_found) return already_finished().within("exec kill error");
    return sent.error().within("exec kill error");
}

awaitable<result<std::vector<process_info>>> container::pids() {
    result<std::vector<pid_t>> found = error(errc::not_found, "cgroup does not exist");
    if (cgroup_) found = cgroup_->pids();
    if (!found) found = co_await context_->runc.ps(ref_);
    if (!found) co_return found.error();
    std::vector<process_info> processes;
    for (auto pid : *found) processes.emplace_back(static_cast<std::uint32_t>(pid), std::string());
    for (const auto& [exec_id, exec] : execs_) {
        if (!exec->child || exec->is_dead()) continue;
        for (auto& process : processes) {
            if (process.pid == exec->state.pid()) process.exec_id = exec_id;
        }
    }
    co_return processes;
}

result<cgroup_metrics> container::stats() const {
    if (!cgroup_) return error(errc::not_found, "cgroup does not exist");
    return read_cgroup_metrics(cgroup_->directory());
}

awaitable<result<void>> container::update(std::string resources_json) {
    if (auto allowed = init_->state.check(process_call::update); !allowed) co_return allowed.error();
    auto job = [text = std::move(resources_json)] { return runc::fit_resources(text, runc::read_machine_facts()); };
    auto fitted = co_await context_->blocking.run(blocking_lane::kernel_writes, std::move(job), "update of " + id_);
    if (!fitted) co_return fitted.error();
    log_remarks("update", fitted->said);
    co_return co_await context_->runc.update(ref_, std::move(fitted->text));
}

// Coroutines of their own, so that `caught` has what fails before the first suspension, too.
awaitable<result<void>> container::run_pause() { co_return co_await context_->runc.pause(ref_); }

awaitable<result<void>> container::run_resume() { co_return co_await context_->runc.resume(ref_); }

// After a failure: a runtime that failed late may have done its work all the same, and would refuse to do it again.
awaitable<bool> container::has_runtime_status(std::string_view status) {
    auto known = co_await caught(ask_state());
    co_return known && known->status == status;
}

awaitable<result<runc::runtime_state>> container::ask_state() { co_return co_await context_->runc.state(ref_); }

awaitable<result<void>> container::pause() {
    if (auto allowed = init_->state.check(process_call::pause); !allowed) co_return allowed.error();
    init_->state.begin_pause();
    auto paused = co_await caught(run_pause());
    if (!paused && !co_await has_runtime_status("paused")) {
        init_->state.pause_failed();
        co_return paused.error();
    }
    succeeds([&] { publish(events::task_paused{id_}); });
    init_->state.paused();
    co_return result<void>();
}

awaitable<result<void>> container::resume() {
    if (auto allowed = init_->state.check(process_call::resume); !allowed) co_return allowed.error();
    init_->state.begin_resume();
    auto resumed = co_await caught(run_resume());
    if (!resumed && !co_await has_runtime_status("running")) {
        init_->state.resume_failed();
        co_return resumed.error();
    }
    succeeds([&] { publish(events::task_resumed{id_}); });
    init_->state.resumed();
    co_return result<void>();
}

awaitable<result<void>> container::checkpoint(checkpoint_request request) {
    if (auto allowed = init_->state.check(process_call::checkpoint); !allowed) co_return allowed.error();
    runc::checkpoint_options options(ref_);
    options.image_path = request.image_path.empty() ? request.path : request.image_path;
    options.work_path = std::move(request.work_path);
    options.parent_path = std::move(request.parent_path);
    options.cgroups_mode = std::move(request.cgroups_mode);
    options.empty_namespaces = std::move(request.empty_namespaces);
    options.open_tcp = request.open_tcp;
    options.external_unix_sockets = request.external_unix_sockets;
    options.terminal = request.terminal;
    options.file_locks = request.file_locks;
    options.leave_running = !request.exit;
    auto written = co_await context_->runc.checkpoint(std::move(options));
    if (!written) co_return written.error();
    succeeds([&] { publish(events::task_checkpointed{id_, request.path}); });
    co_return result<void>();
}

}  // namespace vminit::process
