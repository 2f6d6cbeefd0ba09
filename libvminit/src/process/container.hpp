// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "process/cgroup.hpp"
#include "process/exit_order.hpp"
#include "process/process_context.hpp"
#include "process/run_to_end.hpp"
#include "process/task_process.hpp"

namespace vminit::process {

/// One container: its init, its execs, its mounts and its cgroup.
///
/// Operations are coroutines that hold the container; they may overlap. What must not happen twice is reserved in the
/// state before the first suspension. Split by subject: container_create, _runtime, _start, _exit,
/// _remove, _control.cpp.
class container : public std::enable_shared_from_this<container> {
public:
    container(std::shared_ptr<process_context> context, std::string id, std::string bundle);

    const std::string& id() const noexcept { return id_; }
    const std::string& bundle() const noexcept { return bundle_; }

    /// Exists for calls other than Create.
    bool is_created() const noexcept { return is_created_; }

    /// Errors: not_found `process does not exist <exec_id>`. An empty id is init.
    result<std::shared_ptr<task_process>> find(const std::string& exec_id) const;

    /// Makes all of it, or nothing. Gives up, undoing what it did, when `abandoned` is told.
    awaitable<result<std::uint32_t>> create(create_request request, std::shared_ptr<abandonment> abandoned);

    awaitable<result<std::uint32_t>> start_init();
    result<void> add_exec(exec_request request);
    /// An exec's Process object with numbers for its user's name, which are looked for in the root filesystem.
    awaitable<result<std::string>> with_user_numbers(std::string process_json);
    awaitable<result<std::uint32_t>> start_exec(std::string exec_id);

    /// After success the container is to be forgotten. The caller waits until `answer_by`.
    awaitable<result<process_exit>> remove_init(std::optional<clock::time_point> answer_by);
    awaitable<result<process_exit>> remove_exec(std::string exec_id, std::optional<clock::time_point> answer_by);

    awaitable<result<void>> kill_init(int signal, runc::kill_scope scope);
    result<void> kill_exec(const std::string& exec_id, int signal);
    awaitable<result<std::vector<process_info>>> pids();
    result<cgroup_metrics> stats() const;
    /// None where the runtime makes none, or nobody could look yet.
    const std::optional<cgroup>& own_cgroup() const noexcept { return cgroup_; }
    awaitable<result<void>> update(std::string resources_json);
    awaitable<result<void>> pause();
    awaitable<result<void>> resume();
    awaitable<result<void>> checkpoint(checkpoint_request request);

    /// For power-off: SIGKILL to all of it, and no patience for output any more.
    void kill_everything();

    /// A process of it that has a child whose end has not been told yet, if any.
    std::shared_ptr<task_process> somebody_left() const;

    const init_process& init() const noexcept { return *init_; }
    container_summary summary() const;
    std::size_t exec_count() const noexcept { return execs_.size(); }

private:
    /// Starts a runtime with these descriptors, or this console socket.
    using runtime_call = std::function<awaitable<result<void>>(runc::stdio_fds stdio, std::string console_socket)>;

    // container_create.cpp
    awaitable<result<std::uint32_t>> create_steps(create_request request, std::shared_ptr<abandonment> abandoned);
    awaitable<void> choose_runtime();
    awaitable<result<void>> prepare_bundle(std::vector<system::mount_entry> entries);
    awaitable<result<void>> prepare_spec();
    void log_remarks(const std::string& of, const runc::remarks& said) const;
    awaitable<result<void>> run_create(std::shared_ptr<abandonment> abandoned);
    void tell_created(const create_request& request) noexcept;
    awaitable<void> roll_back();
    awaitable<void> clear_bundle();
    std::string state_directory() const;
    awaitable<result<bool>> is_state_taken();
    awaitable<void> delete_by_force();

    // container_runtime.cpp
    awaitable<result<void>> open_io(std::shared_ptr<task_process> process);
    awaitable<result<void>> run_runtime(std::shared_ptr<task_process> process, runtime_call call,
                                        std::shared_ptr<abandonment> abandoned);
    awaitable<result<reaper::child>> adopt(std::string pid_file);
    awaitable<void> kill_half_started(std::string pid_file);
    static awaitable<void> drop_io(std::shared_ptr<task_process> process);
    void enter_cgroup();
    awaitable<void> enable_controllers();

    // container_start.cpp
    class start_in_flight;
    awaitable<result<void>> run_start();
    awaitable<result<reaper::child>> run_exec(std::shared_ptr<exec_process> exec);
    void tell_exec_started(exec_process& exec) noexcept;

    // container_exit.cpp
    static awaitable<void> watch_init(std::shared_ptr<container> self);
    static awaitable<void> watch_exec(std::shared_ptr<container> self, std::shared_ptr<exec_process> exec);
    awaitable<result<void>> kill_rest();
    awaitable<void> attempt(std::string_view problem, awaitable<result<void>> operation);
    void tell_exit(task_process& process, reaper::exit_status status);
    awaitable<void> until(bool (exit_order::*is_met)() const noexcept);

    // container_remove.cpp
    awaitable<result<void>> remove_steps(runc::remove_mode mode, std::optional<clock::time_point> answer_by);
    awaitable<result<void>> await_init_exit();
    awaitable<void> drop_execs();
    void tell_deleted(const process_exit& exit) noexcept;
    awaitable<result<void>> unmount();

    // container_control.cpp
    awaitable<result<void>> run_pause();
    awaitable<result<void>> run_resume();
    awaitable<bool> has_runtime_status(std::string_view status);
    awaitable<result<runc::runtime_state>> ask_state();

    template <class Event>
    void publish(Event event) {
        context_->exchange.publish(std::move(event));
    }

    std::shared_ptr<process_context> context_;
    std::string id_;
    std::string bundle_;
    std::string root_;  ///< of its filesystem, as the VM sees it
    wall_time created_at_ = wall_now();
    std::string rootfs_source_;
    runc::runtime_ref ref_;
    runtime_options options_;
    runc::rootfs_mounts rootfs_;
    std::shared_ptr<init_process> init_;
    std::map<std::string, std::shared_ptr<exec_process>> execs_;
    exit_order order_;
    condition order_changed_;
    std::optional<cgroup> cgroup_;
    oom_watch oom_watch_;
    bool has_private_pids_ = false;
    runc::process_facts process_facts_;  ///< as of Create
    bool is_created_ = false;
    bool is_in_runtime_ = false;  // the runtime has been asked to make it; nothing of its name was there before
    bool has_options_file_ = false;
};

}  // namespace vminit::process
