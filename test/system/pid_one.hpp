// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vminit/core/syscalls.hpp"

namespace vminit::test {

/// Runs `act` as PID 1 of a namespace of its own. The wait status of that process; -1 if there is no such namespace.
inline int run_as_pid_one(void (*act)()) {
    auto pipe = syscalls::pipe().value();
    // In between, because whoever has called unshare(2) can have no other children once that PID 1 is gone.
    pid_t parent = ::fork();
    if (parent == 0) {
        int status = -1;
        pid_t child = ::unshare(CLONE_NEWPID) == 0 ? ::fork() : -1;
        if (child == 0) {
            if (::getpid() == 1) act();
            ::_exit(0);
        }
        if (child > 0) ::waitpid(child, &status, 0);
        (void)!::write(pipe.write_end.get(), &status, sizeof status);
        ::_exit(0);
    }
    pipe.write_end.reset();
    int status = -1;
    (void)!::read(pipe.read_end.get(), &status, sizeof status);
    ::waitpid(parent, nullptr, 0);
    return status;
}

}  // namespace vminit::test
