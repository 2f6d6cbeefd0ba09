// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

/// Runs before vminitd, as PID 1: a process of it presses ctrl-alt-del once, as soon as that means a SIGINT to PID 1
/// instead of the kernel's own restart, which is while vminitd still boots.
int main(int, char** argv) {
    // Before vminitd moves to a root of its own, where that process does not see what is mounted.
    ::mount("proc", "/proc", "proc", 0, nullptr);
    int setting = ::open("/proc/sys/kernel/ctrl-alt-del", O_RDONLY | O_CLOEXEC);
    if (::fork() == 0) {
        char value = '1';
        while (::pread(setting, &value, 1, 0) != 1 || value != '0') ::usleep(100);
        ::kill(1, SIGINT);
        ::_exit(0);
    }
    ::execv("/vminitd", argv);
    return 2;
}
