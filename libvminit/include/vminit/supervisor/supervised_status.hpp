// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "vminit/core/clock.hpp"
#include "vminit/reaper/exit_status.hpp"

namespace vminit::supervisor {

/// Where a service is in its life.
enum class supervised_state {
    waiting,      ///< for its trigger
    absent,       ///< it has no binary; a later trigger or a restart looks again
    running,      ///< also while it is being stopped
    backing_off,  ///< the next start is due in `restart_due_in`
    gave_up,      ///< it failed too often; only a restart by hand starts it again
    stopped,      ///< it ended as its mode allows, or supervision has stopped
};

/// "waiting", "absent", "running", "backing_off", "gave_up", "stopped".
std::string_view to_string(supervised_state state) noexcept;

/// A service at one moment.
struct supervised_status {
    std::string name;
    supervised_state state = supervised_state::waiting;
    std::string binary;               ///< that was found, without `supervisor_config::root`; empty = none yet
    pid_t pid = 0;                    ///< of the running process; 0 = none
    std::uint64_t starts = 0;         ///< processes started so far
    unsigned restarts_in_window = 0;  ///< by the policy; see `restart_policy`
    std::optional<reaper::exit_status> last_exit;
    std::string last_failure;                       ///< why the latest start failed; empty = it did not
    std::optional<clock::duration> restart_due_in;  ///< only in `backing_off`
    std::uint64_t output_dropped = 0;               ///< bytes of its output that did not reach the log file
};

}  // namespace vminit::supervisor
