// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "vminit/core/error.hpp"

/// What PID 1 does to outlive a guest in trouble, and what its children must not inherit of it.
namespace vminit::protection {

/// Ignores SIGPIPE, raises the descriptor limit (soft and hard) to the kernel's ceiling, exempts this process from the
/// OOM killer (oom_score_adj -1000; the kernel spares PID 1 anyway, but not one in a pid namespace), and lets it run
/// before busy containers (nice -10; threads made later inherit it). What was before is remembered for the children.
/// Returns what could not be done. Call once, before any child is started.
std::vector<error> apply();

/// In a child between fork or vfork and exec: gives back the soft descriptor limit, the OOM score and the nice value
/// from before `apply`. The hard limit stays high, so that containers may ask for more than the kernel's default. System calls
/// only; failures are ignored; without an `apply` it does nothing.
void undo_in_child() noexcept;

}  // namespace vminit::protection
