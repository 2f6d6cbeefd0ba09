// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/process_state.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace vminit::process {

std::string_view to_text(process_status status) noexcept {
    switch (status) {
        case process_status::unknown: break;
        case process_status::created: return "created";
        case process_status::running: return "running";
        case process_status::stopped: return "stopped";
        case process_status::paused: return "paused";
        case process_status::pausing: return "pausing";
    }
    return "unknown";
}

namespace {

// As a call sees the process: an operation in flight counts as done.
enum class seen_as : std::size_t { created, running, paused, stopped, deleted };

constexpr std::size_t seen_count = 5;

// containerd's texts; nullptr = the call may go ahead.
using refusals = std::array<const char*, seen_count>;

constexpr refusals refusals_of(process_call call) noexcept {
    switch (call) {
        case process_call::start:
            return {nullptr, "cannot start a running process", "cannot start a paused process",
                    "cannot start a stopped process", "cannot start a deleted process"};
        case process_call::remove:
            return {nullptr, "cannot delete a running process", "cannot delete a paused process", nullptr,
                    "cannot delete a deleted process"};
        case process_call::kill:
            return {nullptr, nullptr, nullptr, nullptr, "cannot kill a deleted process"};
        case process_call::exec:
            return {nullptr, nullptr, "cannot exec in a paused state", "cannot exec in a stopped state",
                    "cannot exec in a deleted state"};
        case process_call::update:
            return {nullptr, nullptr, nullptr, "cannot update a stopped container", "cannot update a deleted process"};
        case process_call::resize:
            return {nullptr, nullptr, nullptr, "cannot resize a stopped container", "cannot resize a deleted process"};
        case process_call::pause:
            return {"cannot pause task in created state", nullptr, "cannot pause a paused container",
                    "cannot pause a stopped container", "cannot pause a deleted process"};
        case process_call::resume:
            return {"cannot resume task in created state", "cannot resume a running process", nullptr,
                    "cannot resume a stopped container", "cannot resume a deleted process"};
        case process_call::checkpoint:
            return {"cannot checkpoint a task in created state", nullptr, nullptr,
                    "cannot checkpoint a stopped container", "cannot checkpoint a deleted process"};
    }
    return {};
}

// To freeze what the runtime is about to let go would leave us with the wrong idea of both.
bool is_for_running(process_call call) noexcept {
    return call == process_call::pause || call == process_call::resume || call == process_call::checkpoint;
}

}  // namespace

result<void> process_state::check(process_call call) const {
    // An init's terminal outlives it: resizing is harmless in every state.
    if (call == process_call::resize && kind_ == process_kind::init) return {};
    auto seen = seen_as::created;
    // A delete in flight may still fail; until then the process can be signalled.
    if (phase_ == phase::deleted || (is_removing_ && call != process_call::kill)) {
        seen = seen_as::deleted;
    } else if (phase_ == phase::stopped) {
        seen = seen_as::stopped;
    } else if (is_paused_ || is_pausing_) {
        seen = seen_as::paused;
    } else if (phase_ == phase::running || (is_starting_ && !is_for_running(call))) {
        seen = seen_as::running;
    }
    // The answer of the one could come before the other's, and the last to be told would not be the last that was done.
    if (call == process_call::resume && seen == seen_as::paused && (is_pausing_ || is_resuming_)) {
        return error(errc::failed_precondition, is_pausing_ ? "cannot resume a container that is being paused"
                                                            : "cannot resume a container that is being resumed");
    }
    const char* refusal = refusals_of(call)[static_cast<std::size_t>(seen)];
    if (refusal == nullptr) return {};
    bool is_gone = seen == seen_as::deleted && (call == process_call::remove || call == process_call::kill);
    return error(is_gone ? errc::not_found : errc::failed_precondition, refusal);
}

process_status process_state::status() const noexcept {
    switch (phase_) {
        case phase::created:
            return process_status::created;
        case phase::running:
            break;
        case phase::stopped:
            return process_status::stopped;
        case phase::deleted:
            return process_status::unknown;
    }
    if (is_pausing_) return process_status::pausing;
    return is_paused_ ? process_status::paused : process_status::running;
}

void process_state::started(std::uint32_t pid) noexcept {
    is_starting_ = false;
    pid_ = pid;
    if (phase_ == phase::created) phase_ = phase::running;
}

void process_state::start_failed_for_good(wall_time now) noexcept {
    is_starting_ = false;
    exited(failed_start_status, now);
}

bool process_state::exited(std::uint32_t exit_status, wall_time at) noexcept {
    if (exit_) return false;
    exit_ = ended{exit_status, at};
    is_paused_ = false;
    is_pausing_ = false;
    is_resuming_ = false;
    if (phase_ != phase::deleted) phase_ = phase::stopped;
    return true;
}

void process_state::removed() noexcept {
    is_removing_ = false;
    phase_ = phase::deleted;
}

void process_state::paused() noexcept {
    is_pausing_ = false;
    if (phase_ == phase::running) is_paused_ = true;
}

void process_state::resumed() noexcept {
    is_resuming_ = false;
    is_paused_ = false;
}

process_exit process_state::exit() const noexcept {
    if (!exit_) return process_exit(pid_, 0, std::nullopt);
    return process_exit(pid_, exit_->status, exit_->at);
}

}  // namespace vminit::process
