// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/// What an initrd may run before vminitd, as PID 1: its /run stays, with a marker that says the extras are in place.
int main(int, char** argv) {
    ::mount("tmpfs", "/run", "tmpfs", 0, nullptr);
    ::mkdir("/run/spin-stack", 0755);
    ::mount("tmpfs", "/run/spin-stack", "tmpfs", 0, "mode=0755");
    int marker = ::open("/run/spin-stack/.extras-extracted", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (marker < 0 || ::write(marker, "before\n", 7) != 7) return 1;
    ::execv("/vminitd", argv);
    return 2;
}
