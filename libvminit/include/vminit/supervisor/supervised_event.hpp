// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <variant>

#include "vminit/core/clock.hpp"
#include "vminit/reaper/exit_status.hpp"

namespace vminit::supervisor {

/// The service `name` runs as `pid`.
struct supervised_started {
    std::string name;
    pid_t pid = 0;
};

/// Every started process ends with exactly one of these, also when it was stopped.
struct supervised_exited {
    std::string name;
    pid_t pid = 0;
    reaper::exit_status status;
};

/// A start that failed has no `supervised_exited`; what follows is a restart or giving up.
struct supervised_start_failed {
    std::string name;
    std::string reason;
};

/// The service `name` starts again after `delay`.
struct supervised_restarting {
    std::string name;
    clock::duration delay{};
    unsigned restarts_in_window = 0;  ///< including this one
};

/// The service `name` is not started again: it ended too often.
struct supervised_gave_up {
    std::string name;
    unsigned restarts_in_window = 0;
};

using supervised_event = std::variant<supervised_started, supervised_exited, supervised_start_failed,
                                      supervised_restarting, supervised_gave_up>;

/// Called on the loop for each event, in order, before the state changes again. Must not throw.
using supervised_event_sink = std::function<void(const supervised_event&)>;

}  // namespace vminit::supervisor
