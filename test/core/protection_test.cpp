// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/protection.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>

#include "vminit/core/file.hpp"

using namespace vminit;

namespace {

struct facts {
    rlim_t soft = 0;
    rlim_t hard = 0;
    char score[8] = {};
    int nice = 0;
    bool ignores_sigpipe = false;
};

facts look() {
    facts seen;
    struct rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    seen.soft = files.rlim_cur;
    seen.hard = files.rlim_max;
    auto score = read_file("/proc/self/oom_score_adj").value();
    trimmed(score).copy(seen.score, sizeof seen.score - 1);
    seen.nice = ::getpriority(PRIO_PROCESS, 0);
    struct sigaction action{};
    ::sigaction(SIGPIPE, nullptr, &action);
    seen.ignores_sigpipe = action.sa_handler == SIG_IGN;
    return seen;
}

}  // namespace

TEST_CASE("a protected process has children that are not", "[protection]") {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    auto before = look();
    pid_t child = ::fork();
    if (child == 0) {
        protection::apply();  // without rights it does less, and there is less to undo
        auto mine = look();
        protection::undo_in_child();
        auto children = look();
        if (::write(ends[1], &mine, sizeof mine) < 0 || ::write(ends[1], &children, sizeof children) < 0) ::_exit(2);
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WEXITSTATUS(status) == 0);
    facts mine;
    facts children;
    REQUIRE(::read(ends[0], &mine, sizeof mine) == sizeof mine);
    REQUIRE(::read(ends[0], &children, sizeof children) == sizeof children);
    CHECK(mine.soft >= before.soft);
    CHECK(mine.ignores_sigpipe);
    CHECK(mine.nice <= before.nice);
    if (::geteuid() == 0) CHECK(mine.nice < 0);
    CHECK(children.nice == before.nice);
    CHECK(children.soft == before.soft);
    CHECK(std::string(children.score) == before.score);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("without protection a child is left as it is", "[protection]") {
    auto before = look();
    protection::undo_in_child();
    auto after = look();
    CHECK(after.soft == before.soft);
    CHECK(std::string(after.score) == before.score);
}
