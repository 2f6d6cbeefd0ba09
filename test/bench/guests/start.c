// SPDX-License-Identifier: Apache-2.0
// PID 1's start, told by a clock that all guests share: notes the time, becomes /init, and a child of it tells the time on the
// console when /init has long served. For Linux only, linked statically; the kernel runs it by rdinit=.
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv, char **environment) {
    (void)argc;
    int ends[2];
    struct timespec now;
    if (pipe(ends)) return 1;
    if (fork() == 0) {
        struct timespec rest = {.tv_sec = 2};
        close(ends[1]);
        if (read(ends[0], &now, sizeof now) != sizeof now) return 1;
        nanosleep(&rest, NULL);
        printf("VMINITD_READY uptime_us=%lld phase=start\n", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        return 0;
    }
    close(ends[0]);
    clock_gettime(CLOCK_BOOTTIME, &now);
    if (write(ends[1], &now, sizeof now) != sizeof now) return 1;
    close(ends[1]);
    execve("/init", argv, environment);
    return 1;
}
