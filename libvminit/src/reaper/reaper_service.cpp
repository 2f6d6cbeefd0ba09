// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/reaper_service.hpp"

#include <sys/prctl.h>

#include "reaper/launch_turns.hpp"
#include "reaper/reaper_core.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::reaper {

start_hold& start_hold::operator=(start_hold&& other) noexcept {
    if (this != &other) {
        release();
        core_ = std::move(other.core_);
    }
    return *this;
}

start_hold::~start_hold() { release(); }

void start_hold::release() noexcept {
    auto core = core_.lock();
    core_.reset();
    if (core) core->release_hold();
}

reaper_service::reaper_service(asio::execution_context& context)
    : asio::execution_context::service(context),
      core_(std::make_shared<reaper_core>(static_cast<asio::io_context&>(context))),
      turns_(std::make_shared<launch_turns>(static_cast<asio::io_context&>(context).get_executor())) {
    core_->start();
}

reaper_service::~reaper_service() = default;

void reaper_service::shutdown() noexcept {
    turns_->shutdown();
    core_->shutdown();
}

awaitable<void> reaper_service::launch_turn() { return launch_turns::take(turns_); }

result<child> reaper_service::launch(spawn_options options) {
    auto place = core_->make_place(options.group);
    auto started = spawn(options);
    if (!started) {
        ++core_->counters().launch_failures;
        return started.error();
    }
    ++core_->counters().launched;
    return child(core_->know(std::move(place), std::move(*started)));
}

start_hold reaper_service::hold() {
    core_->take_hold();
    return start_hold(core_);
}

result<child> reaper_service::adopt(pid_t pid) {
    auto state = core_->adopt(pid);
    if (!state) return state.error();
    return child(std::move(*state));
}

result<void> reaper_service::become_subreaper() {
    auto set = syscalls::check("prctl", "PR_SET_CHILD_SUBREAPER", [] { return ::prctl(PR_SET_CHILD_SUBREAPER, 1); });
    if (!set) return set.error();
    return {};
}

reaper_counters reaper_service::counters() const noexcept { return core_->snapshot(); }

}  // namespace vminit::reaper
