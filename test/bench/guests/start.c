// SPDX-License-Identifier: Apache-2.0
// PID 1's start and its processor time, told by clocks that all guests share: notes the time and becomes /init. A child
// of it tells that time on the console when /init has long served, and then PID 1's processor time, in 8 bytes of
// nanoseconds, to everyone who connects to a vsock port. For Linux only, linked statically; the kernel runs it by
// rdinit=.
#define _GNU_SOURCE  // accept4
#include <linux/vm_sockets.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { clock_port = 1099 };

static int open_clock(void) {
    struct sockaddr_vm where = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = clock_port};
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(listener, (struct sockaddr*)&where, sizeof where) || listen(listener, 16) ? -1 : listener;
}

static int tell_processor_time(int listener) {
    struct timespec used;
    clockid_t clock;
    for (;;) {
        int who = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (who < 0 || clock_getcpuclockid(1, &clock) || clock_gettime(clock, &used)) return 1;
        int64_t nanoseconds = (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
        if (write(who, &nanoseconds, sizeof nanoseconds) < 0) return 1;
        close(who);
    }
}

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
        int listener = open_clock();
        printf("VMINITD_READY uptime_us=%lld phase=start\n", (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        fflush(stdout);
        return tell_processor_time(listener);
    }
    close(ends[0]);
    clock_gettime(CLOCK_BOOTTIME, &now);
    if (write(ends[1], &now, sizeof now) != sizeof now) return 1;
    close(ends[1]);
    execve("/init", argv, environment);
    return 1;
}
