// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/protection.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::protection {

namespace {

constexpr const char* score_file = "/proc/self/oom_score_adj";
constexpr int urgent = -10;  // nice value: nine shares of a processor to the one of each container
constexpr rlim_t max_open_files = 1048576;  // fs.nr_open's default: the kernel lets nobody have more

struct {
    bool is_applied = false;
    rlim_t soft_limit = 0;
    int nice = 0;
    std::string score;
} original;

result<void> raise_limit() {
    struct rlimit files{};
    auto read = syscalls::check("getrlimit", "RLIMIT_NOFILE", [&] { return ::getrlimit(RLIMIT_NOFILE, &files); });
    if (!read) return read.error();
    original.soft_limit = files.rlim_cur;
    files.rlim_max = std::max(files.rlim_max, max_open_files);
    files.rlim_cur = files.rlim_max;
    auto set = syscalls::check("setrlimit", "RLIMIT_NOFILE", [&] { return ::setrlimit(RLIMIT_NOFILE, &files); });
    if (!set) return set.error();
    return {};
}

result<void> lower_score() {
    auto score = read_file(score_file);
    if (!score) return score.error();
    original.score = trimmed(*score);
    return write_file(score_file, "-1000");
}

result<void> raise_priority() {
    original.nice = ::getpriority(PRIO_PROCESS, 0);
    if (original.nice <= urgent) return {};
    auto set = syscalls::check("setpriority", {}, [] { return ::setpriority(PRIO_PROCESS, 0, urgent); });
    if (!set) return set.error();
    return {};
}

}  // namespace

std::vector<error> apply() {
    std::vector<error> failures;
    ::signal(SIGPIPE, SIG_IGN);
    for (auto change : {raise_limit, lower_score, raise_priority}) {
        if (auto done = change(); !done) failures.push_back(done.error());
    }
    original.is_applied = true;
    return failures;
}

void undo_in_child() noexcept {
    if (!original.is_applied) return;
    ::setpriority(PRIO_PROCESS, 0, original.nice);
    struct rlimit files{};
    if (original.soft_limit != 0 && ::getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = std::min(original.soft_limit, files.rlim_max);
        ::setrlimit(RLIMIT_NOFILE, &files);
    }
    if (original.score.empty()) return;
    int fd = ::open(score_file, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    [[maybe_unused]] auto written = ::write(fd, original.score.data(), original.score.size());
    ::close(fd);
}

}  // namespace vminit::protection
