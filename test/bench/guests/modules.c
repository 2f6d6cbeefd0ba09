// SPDX-License-Identifier: Apache-2.0
// For kernels that need modules: loads what /etc/vminit/modules lists (test/vm/make-initrd), and becomes /start, or /init
// where there is none. For Linux only, linked statically; the kernel runs it by rdinit=.
#define _GNU_SOURCE  // syscall
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv, char** environment) {
    (void)argc;
    char path[512];
    FILE *list = fopen("/etc/vminit/modules", "re");
    while (list && fgets(path, sizeof path, list)) {
        path[strcspn(path, "\n")] = 0;
        int module = open(path, O_RDONLY | O_CLOEXEC);
        if (module < 0 || syscall(SYS_finit_module, module, "", 0)) perror(path);
        close(module);
    }
    if (list) fclose(list);
    execve("/start", argv, environment);
    execve("/init", argv, environment);
    perror("/init");
    return 1;
}
