// SPDX-License-Identifier: Apache-2.0
// The least that PID 1 can do for a container: like floor.c a guest that answers frames of ttrpc on a vsock port, which
// for each one takes a container through its life: its root over the image, its bundle, `crun create`, `start`, its
// output, its exit, `crun delete`, all away. Blocks meanwhile, checks nothing of what it is asked, and tells nobody.
// For Linux only, linked statically.
#define _GNU_SOURCE  // accept4, memmem, pipe2
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char spec[] =
    "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},"
    "\"process\":{\"args\":[\"/bin/true\"],\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":0,\"gid\":0}},"
    "\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"ro\"]}],"
    "\"linux\":{\"cgroupsPath\":\"/a\",\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"mount\"},{\"type\":\"ipc\"},"
    "{\"type\":\"uts\"},{\"type\":\"cgroup\"}]}}";

static void give_up(const char *what) {
    perror(what);
    reboot(RB_POWER_OFF);
    _exit(1);
}

// Waits for it. `output`: of the container; -1 for the console.
static void run(char *const arguments[], int output) {
    posix_spawn_file_actions_t actions;
    pid_t child;
    posix_spawn_file_actions_init(&actions);
    if (output >= 0) posix_spawn_file_actions_adddup2(&actions, output, 1);
    if (posix_spawn(&child, "/sbin/crun", &actions, NULL, arguments, NULL)) give_up("crun");
    posix_spawn_file_actions_destroy(&actions);
    int status;
    while (waitpid(child, &status, 0) < 0) continue;
    if (status) give_up(arguments[3]);
}

static void make_root(void) {
    static const char *const places[] = {"/run/a",        "/run/a/rootfs",      "/run/a/image",
                                         "/run/a/layers", "/run/a/layers/upper", "/run/a/layers/work"};
    for (int i = 0; i < 6; i++) {
        if (i == 4 && mount("tmpfs", "/run/a/layers", "tmpfs", 0, NULL)) give_up("tmpfs");
        if (mkdir(places[i], 0755)) give_up(places[i]);
    }
    if (mount("/dev/vda", "/run/a/image", "erofs", MS_RDONLY, NULL) ||
        mount("overlay", "/run/a/rootfs", "overlay", 0,
              "lowerdir=/run/a/image,upperdir=/run/a/layers/upper,workdir=/run/a/layers/work"))
        give_up("rootfs");
}

static void remove_root(void) {
    if (umount2("/run/a/rootfs", 0) || umount2("/run/a/image", 0) || umount2("/run/a/layers", 0) ||
        unlink("/run/a/config.json") || unlink("/run/a/pid") || rmdir("/run/a/rootfs") || rmdir("/run/a/image") ||
        rmdir("/run/a/layers") || rmdir("/run/a"))
        give_up("delete");
}

static void cycle(void) {
    int ends[2], file, status;
    char byte, pid[16] = "";
    make_root();
    if ((file = open("/run/a/config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600)) < 0 ||
        write(file, spec, sizeof spec - 1) < 0 || close(file) || pipe2(ends, O_CLOEXEC))
        give_up("bundle");
    run((char *[]){"crun", "--root", "/run/crun", "create", "--no-pivot", "--bundle", "/run/a", "--pid-file",
                   "/run/a/pid", "a", NULL},
        ends[1]);
    close(ends[1]);
    if ((file = open("/run/a/pid", O_RDONLY | O_CLOEXEC)) < 0 || read(file, pid, sizeof pid - 1) <= 0 || close(file))
        give_up("pid");
    run((char *[]){"crun", "--root", "/run/crun", "start", "a", NULL}, -1);
    while (read(ends[0], &byte, 1) > 0) continue;
    close(ends[0]);
    if (waitpid(atoi(pid), &status, 0) < 0 || status) give_up("init");
    run((char *[]){"crun", "--root", "/run/crun", "delete", "a", NULL}, -1);
    remove_root();
}

static void make_places(void) {
    if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
        mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) || mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) ||
        mount("tmpfs", "/run", "tmpfs", 0, NULL))
        give_up("mount");
}

// A response with an empty status; the number of the stream (bytes 4 to 7) is the request's.
static unsigned char answer[] = {0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0x0a, 0};

int main(void) {
    struct sockaddr_vm where = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = 1024};
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
    make_places();
    if (bind(listener, (struct sockaddr *)&where, sizeof where) || listen(listener, 16)) give_up("listen");
    puts("VMINITD_READY uptime_us=1 phase=serve");
    fflush(stdout);
    for (;;) {
        unsigned char frame[4096];
        int who = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        // test/vm/boot asks for Info, which is not for a container's sake.
        for (ssize_t got; (got = read(who, frame, sizeof frame)) >= 8;) {
            if (memmem(frame, (size_t)got, "Cycle", 5)) cycle();
            memcpy(answer + 4, frame + 4, 4);
            if (write(who, answer, sizeof answer) < 0) break;
        }
        close(who);
    }
}
