// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

/// A supervisor agent for the VM: fails the first time it is started, and then runs until it is told to end.
int main() {
    int first = ::open("/run/agent-was-here", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (first >= 0) return 3;
    for (;;) ::pause();
}
