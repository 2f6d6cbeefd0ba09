// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace vminit::system {

/// Where a fault is told, and how the process ends.
struct fatal_options {
    /// What ends the process after the report: must not return. Null: sync(2) and `end_machine` as PID 1, two seconds
    /// after the fault at most; otherwise the signal's default action.
    void (*final_action)(int signal) = nullptr;
    /// Also written to, beside /dev/kmsg. -1: not.
    int console_fd = 2;
    /// Where the line on an ignored signal goes, beside /dev/kmsg: it must not block. -1: nowhere.
    int ignored_fd = -1;
};

/// Makes SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP and std::terminate end in a short report (signal,
/// address, return addresses) on /dev/kmsg and the console, then in `final_action`: a PID 1 that dies is a kernel panic.
///
/// That is for faults, and for what the process raises itself (abort(3)). Such a signal that another process sends is
/// ignored: a line on /dev/kmsg tells signal and sender, one a second at most.
///
/// Call first thing in main, on the main thread (the handlers get a stack of their own there).
void install_fatal_handlers(fatal_options options = {}) noexcept;

}  // namespace vminit::system
