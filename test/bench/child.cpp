// SPDX-License-Identifier: Apache-2.0
#include "bench/child.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace vminit::bench {

void give_up(const std::string& what) {
    std::fprintf(stderr, "bench: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

child::child(const words& command, unique_fd in, unique_fd out) : pid_(::fork()) {
    if (pid_ < 0) give_up("fork");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(in.get(), STDIN_FILENO);
    ::dup2(out.get(), STDOUT_FILENO);
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    give_up(command[0]);
}

double child::cpu_ns() const {
    clockid_t clock{};
    timespec now{};
    if (::clock_getcpuclockid(pid_, &clock) != 0 || ::clock_gettime(clock, &now) != 0) give_up("processor clock");
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

double child::wait() {
    int status = 0;
    rusage used{};
    if (::wait4(pid_, &status, 0, &used) != pid_) give_up("wait4");
    errno = 0;
    if (status != 0) give_up("a command failed");
    auto nanoseconds = [](const timeval& span) {
        return static_cast<double>(span.tv_sec) * 1e9 + static_cast<double>(span.tv_usec) * 1e3;
    };
    return nanoseconds(used.ru_utime) + nanoseconds(used.ru_stime);
}

}  // namespace vminit::bench
