#pragma once

namespace vminit::system {

struct fatal_options {
    /// What ends the process after the report: must not return. Null: sync(2) (two seconds at most) and
    /// reboot(RB_POWER_OFF) as PID 1; otherwise the signal's default action.
    void (*final_action)(int signal) = nullptr;
    /// Also written to, beside /dev/kmsg. -1: not.
    int console_fd = 2;
};

/// Makes SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS and std::terminate end in a short report (signal, sender or
/// address, return addresses) on /dev/kmsg and the console, then in `final_action`: a PID 1 that dies is a kernel
/// panic. The same for a signal of these that another process sends. Call first thing in main, on the main thread (the
/// handlers get a stack of their own there).
void install_fatal_handlers(fatal_options options = {}) noexcept;

}  // namespace vminit::system
