// SPDX-License-Identifier: Apache-2.0
// The least that a guest can do: as PID 1, listens on a vsock port and answers each frame of ttrpc that arrives in one
// piece with an empty response, in a loop of epoll. What test/bench/boot calls the floor. For Linux only, linked
// statically.
#define _GNU_SOURCE  // accept4
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void tell(const char *phase) {
    struct timespec now;
    char line[80];
    clock_gettime(CLOCK_BOOTTIME, &now);
    int length = snprintf(line, sizeof line, "VMINITD_READY uptime_us=%lld phase=%s\n",
                          (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000, phase);
    if (write(1, line, (size_t)length) < 0) _exit(1);
}

// A response with an empty status; the number of the stream (bytes 4 to 7) is the request's.
static unsigned char answer[] = {0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0x0a, 0};

int main(int argc, char **argv) {
    unsigned port = 1024;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "-vsock-rpc-port=", 16) == 0) port = (unsigned)atoi(argv[i] + 16);
    struct sockaddr_vm where = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&where, sizeof where) || listen(listener, 16)) tell("no-socket");
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event)) tell("no-epoll");
    tell("serve");
    for (;;) {
        if (epoll_wait(loop, &event, 1, -1) < 1) continue;
        int who = event.data.fd;
        if (who == listener) {
            event.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (event.data.fd >= 0) epoll_ctl(loop, EPOLL_CTL_ADD, event.data.fd, &event);
            continue;
        }
        unsigned char frame[4096];
        ssize_t got = read(who, frame, sizeof frame);
        if (got >= 8) memcpy(answer + 4, frame + 4, 4);
        if (got < 8 || write(who, answer, sizeof answer) < 0) close(who);
    }
}
