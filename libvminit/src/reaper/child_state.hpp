// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/asio/any_completion_handler.hpp>
#include <cstdint>
#include <map>
#include <optional>

#include "vminit/core/asio.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/reaper/exit_status.hpp"
#include "vminit/reaper/spawn.hpp"

namespace vminit::reaper {

/// What a `child` handle and the reaper share about one process.
struct child_state {
    using wait_handler = asio::any_completion_handler<void(error_code, exit_status)>;

    child_state(executor loop, pid_t number, unique_fd process, process_group membership)
        : ex(loop), pid(number), pidfd(std::move(process)), group(membership) {}

    /// Records the status, once, and posts every waiter.
    void complete(exit_status ended);

    /// Posts one waiter with `operation_aborted`, if it still waits.
    void cancel(std::uint64_t waiter);

    executor ex;
    pid_t pid;
    unique_fd pidfd;
    process_group group;
    std::optional<exit_status> status;
    std::map<std::uint64_t, wait_handler> waiters;  // by number: a late cancellation must not hit another waiter
    std::uint64_t next_waiter = 0;
};

}  // namespace vminit::reaper
