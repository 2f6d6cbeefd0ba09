// SPDX-License-Identifier: Apache-2.0
// Ways to get bytes from a pipe into a vsock connection, which is what a container's output takes. As PID 1: whoever
// connects sends the letter of a way, gets 64 MiB of a child's, and the console tells what that took: of this process's
// processor time, of all processors' (in steps of 10 ms), and by the clock. Whoever sends a frame of ttrpc instead gets
// an empty response (test/vm/boot asks so). For Linux only, linked statically.
#define _GNU_SOURCE  // splice, F_SETPIPE_SZ
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { port = 1024, mebibyte = 1 << 20, total = 64 };

static char block[mebibyte];

// Bytes that are read at once, or spliced; and of the pipe (0: as it is made, 64 KiB).
struct way {
    const char *name;
    size_t step;
    int is_spliced, pipe_size;
};
static const struct way ways[] = {{"read and write, 16 KiB", 16384, 0, 0},
                                  {"read and write, 64 KiB", 65536, 0, 0},
                                  {"read and write, 1 MiB, of a pipe of 1 MiB", mebibyte, 0, mebibyte},
                                  {"splice", mebibyte, 1, 0},
                                  {"splice, of a pipe of 1 MiB", mebibyte, 1, mebibyte}};
enum { ways_count = sizeof ways / sizeof ways[0] };

static double milliseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

// What all processors have worked: user, nice, system, irq, softirq (proc(5)).
static double worked(void) {
    unsigned long ticks[7] = {0};
    FILE *stat = fopen("/proc/stat", "r");
    if (!stat) return 0;
    if (fscanf(stat, "cpu %lu %lu %lu %lu %lu %lu %lu", ticks, ticks + 1, ticks + 2, ticks + 3, ticks + 4, ticks + 5,
               ticks + 6) != 7)
        ticks[0] = 0;
    fclose(stat);
    return (double)(ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) * 1e3 / (double)sysconf(_SC_CLK_TCK);
}

static int write_all(int to, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t count = write(to, block + done, size - done);
        if (count <= 0) return 0;
        done += (size_t)count;
    }
    return 1;
}

static void copy(const struct way *how, int from, int to) {
    for (;;) {
        ssize_t count = how->is_spliced ? splice(from, NULL, to, NULL, how->step, 0) : read(from, block, how->step);
        if (count <= 0 || (!how->is_spliced && !write_all(to, (size_t)count))) return;
    }
}

static void measure(const struct way *how, int to) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return;
    if (how->pipe_size) fcntl(ends[1], F_SETPIPE_SZ, how->pipe_size);
    pid_t writer = fork();
    if (writer == 0) {
        close(ends[0]);
        for (int i = 0; i < total; i++)
            if (!write_all(ends[1], sizeof block)) _exit(1);
        _exit(0);
    }
    close(ends[1]);
    double used = milliseconds(CLOCK_PROCESS_CPUTIME_ID), begin = milliseconds(CLOCK_MONOTONIC), all = worked();
    copy(how, ends[0], to);
    printf("COPIED %.1f %.1f %.1f %s\n", milliseconds(CLOCK_PROCESS_CPUTIME_ID) - used, worked() - all,
           milliseconds(CLOCK_MONOTONIC) - begin, how->name);
    fflush(stdout);
    close(ends[0]);
    waitpid(writer, NULL, 0);
}

// A response with an empty status; the number of the stream (bytes 4 to 7) is the request's.
static void answer(int who, const unsigned char *frame) {
    unsigned char response[] = {0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0x0a, 0};
    char rest;
    memcpy(response + 4, frame + 4, 4);
    if (write(who, response, sizeof response) > 0)
        while (read(who, &rest, 1) > 0) continue;
}

int main(void) {
    struct sockaddr_vm where = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    mount("proc", "/proc", "proc", 0, NULL);
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&where, sizeof where) || listen(listener, 16)) return 1;
    puts("VMINITD_READY uptime_us=1 phase=serve");
    fflush(stdout);
    for (;;) {
        unsigned char frame[4096];
        int who = accept(listener, NULL, NULL);
        ssize_t got = read(who, frame, sizeof frame);
        if (got == 1 && frame[0] >= 'a' && frame[0] < 'a' + ways_count) measure(&ways[frame[0] - 'a'], who);
        if (got >= 10) answer(who, frame);
        close(who);
    }
}
