// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/container_init.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "vminit/core/clock.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/exit_status.hpp"

namespace vminit::reaper {

namespace {

constexpr int not_executable = 126;
constexpr int not_found = 127;

int give_up(const error& failure) {
    (void)syscalls::write_all(STDERR_FILENO, "vminitd: " + failure.message() + "\n", "stderr");
    return failure.kind() == errc::not_found ? not_found : not_executable;
}

// All but those by which a fault of ours ends us.
sigset_t signals_to_wait_for() {
    sigset_t set;
    ::sigfillset(&set);
    for (int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS}) ::sigdelset(&set, fault);
    return set;
}

[[noreturn]] void become(char* const command[], const sigset_t& mask) {
    // What is typed on a terminal is then a signal for the program alone: passed on by us, it would come twice.
    // SIGTTOU, blocked, does not stop us; without a terminal it fails.
    ::setpgid(0, 0);
    ::tcsetpgrp(STDIN_FILENO, ::getpgrp());
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    auto failed = syscalls::attempt("exec", command[0], [&] { return ::execvp(command[0], command); });
    ::_exit(give_up(failed.error()));
}

// Everything that has ended; the status of `program` if it is among that.
std::optional<int> collect(pid_t program) {
    for (;;) {
        int status = 0;
        auto pid = syscalls::raw("waitpid", [&] { return ::waitpid(-1, &status, WNOHANG); });
        if (!pid || *pid == 0) return std::nullopt;
        if (*pid == program) return from_wait_status(status, {}).value;
    }
}

}  // namespace

int run_container_init(char* const command[]) {
    auto set = signals_to_wait_for();
    sigset_t before;
    ::sigprocmask(SIG_SETMASK, &set, &before);
    // Ignored, it would make the kernel collect the program, and its status would be lost.
    ::signal(SIGCHLD, SIG_DFL);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // for a pid namespace in which we are not PID 1
    auto program = syscalls::check("fork", {}, [] { return ::fork(); });
    if (!program) return give_up(program.error());
    auto pid = static_cast<pid_t>(*program);
    if (pid == 0) become(command, before);
    for (;;) {
        int signal = ::sigwaitinfo(&set, nullptr);
        if (signal == SIGCHLD) {
            if (auto status = collect(pid)) return *status;
        } else if (signal > 0) {
            ::kill(pid, signal);
        }
    }
}

}  // namespace vminit::reaper
