// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace vminit::reaper {

/// Children looked at by `count_zombies`; whoever has more has other troubles.
inline constexpr std::size_t max_children_looked_at = 4096;

/// How many children of `parent`'s main thread have ended and are not collected at this moment: the reaper's backlog.
/// One file read a child, so off the loop. Zero where the kernel does not list children (CONFIG_PROC_CHILDREN).
std::size_t count_zombies(pid_t parent, const std::string& proc = "/proc");

}  // namespace vminit::reaper
