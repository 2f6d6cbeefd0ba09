// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/clock.hpp"

namespace vminit::reaper {

/// How a process ended, in the form hosts see it.
struct exit_status {
    exit_status() = default;
    exit_status(int value, wall_time exited_at) noexcept : value(value), exited_at(exited_at) {}

    int value = 0;          ///< the exit code, or 128 + signal number (137 = SIGKILL); the core bit is ignored
    wall_time exited_at{};  ///< when the reaper collected it, not when the kernel made it a zombie

    friend bool operator==(const exit_status&, const exit_status&) = default;
};

/// Translates a status as waitpid(2) reports it for a process that has ended.
exit_status from_wait_status(int wait_status, wall_time now) noexcept;

}  // namespace vminit::reaper
