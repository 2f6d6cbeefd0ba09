// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vminit::reaper {

/// Is the init of a container whose own program is not made to be one. Starts `command` (looked up in PATH, ended by a
/// null pointer) in a process group of its own, in the foreground of the terminal if there is one; passes signals on to
/// it and collects what is orphaned. Returns when it has ended: its exit code, 128 + the signal that killed it, or 127
/// if there is no such program and 126 if it cannot be started, with the reason on stderr.
///
/// For a process that has one thread and does nothing else. It blocks all signals and leaves them so.
int run_container_init(char* const command[]);

}  // namespace vminit::reaper
