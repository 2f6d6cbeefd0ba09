// SPDX-License-Identifier: Apache-2.0
#include "process/container.hpp"

#include <signal.h>

#include <utility>

namespace vminit::process {

container::container(std::shared_ptr<process_context> context, std::string id, std::string bundle)
    : context_(std::move(context)),
      id_(std::move(id)),
      bundle_(std::move(bundle)),
      root_(bundle_ + "/rootfs"),
      order_changed_(context_->ex()) {}

result<std::shared_ptr<task_process>> container::find(const std::string& exec_id) const {
    if (exec_id.empty()) return std::static_pointer_cast<task_process>(init_);
    auto found = execs_.find(exec_id);
    if (found == execs_.end()) return error(errc::not_found, "process does not exist " + exec_id);
    return std::static_pointer_cast<task_process>(found->second);
}

container_summary container::summary() const {
    container_summary taken;
    if (init_) taken.init = init_->snapshot(bundle_);
    taken.init.id = id_;
    taken.init.bundle = bundle_;
    taken.is_created = is_created_;
    taken.created_at = created_at_;
    taken.rootfs = rootfs_source_;
    taken.execs = execs_.size();
    return taken;
}

void container::kill_everything() {
    // For output that nobody takes there is no time now.
    constexpr auto last_patience = std::chrono::milliseconds(100);
    // In place: at power-off it is better to wait a moment for the kernel than for a thread to start.
    bool is_killed = cgroup_ && cgroup_->kill();
    auto end = [&](task_process& process) {
        if (process.child && !is_killed) (void)process.child.signal(SIGKILL);
        if (process.io) process.io->hurry(last_patience);
    };
    if (init_) end(*init_);
    for (auto& [id, exec] : execs_) end(*exec);
}

std::shared_ptr<task_process> container::somebody_left() const {
    auto is_left = [](const task_process& process) { return process.child && !process.state.has_exited(); };
    for (const auto& [id, exec] : execs_) {
        if (is_left(*exec)) return exec;
    }
    if (init_ && is_left(*init_)) return init_;
    return nullptr;
}

}  // namespace vminit::process
