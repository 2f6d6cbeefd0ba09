// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/power_watch.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

#include "system/pid_one.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/fatal.hpp"
#include "vminit/system/machine_end.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

power_watch_options ending_with_55() {
    power_watch_options options;
    options.limit = 20ms;
    options.limit_action = [] { ::_exit(55); };
    return options;
}

enum class threads { none, some };

// Root has no limit of processes.
void forbid_threads() {
    struct rlimit nothing{0, 0};
    ::setrlimit(RLIMIT_NPROC, &nothing);
    if (::getuid() == 0) (void)!::setuid(65534);
}

// The exit code of a process that gets the signal when `get_stuck` is about to begin, with a watch of 20 ms.
int end_of(int number, const std::function<void(unique_fd)>& get_stuck, threads may_have_threads = threads::some) {
    auto ready = syscalls::pipe().value();
    pid_t child = ::fork();
    if (child == 0) {
        if (may_have_threads == threads::none) forbid_threads();
        power_watch watch(ending_with_55());
        if (watch.has_thread() != (may_have_threads == threads::some)) ::_exit(1);
        get_stuck(std::move(ready.write_end));
        ::_exit(0);
    }
    ready.write_end.reset();
    char nothing = 0;
    (void)!::read(ready.read_end.get(), &nothing, 1);
    ::kill(child, number);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool is_readable(int fd, int milliseconds) {
    pollfd watched{fd, POLLIN, 0};
    return ::poll(&watched, 1, milliseconds) == 1;
}

sigset_t current_mask() {
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return mask;
}

void nothing() {}

}  // namespace

TEST_CASE("the limit begins with the signal although the loop is in an endless handler", "[power]") {
    CHECK(end_of(GENERATE(SIGINT, SIGTERM, SIGQUIT), [](unique_fd ready) {
              ready.reset();
              for (volatile bool is_stuck = true; is_stuck;) continue;
          }) == 55);
}

TEST_CASE("the limit begins with the signal although the loop sleeps where no handler runs", "[power]") {
    // vfork(2) waits for its child as for a disk: only SIGKILL wakes it.
    bool has_threads_left = GENERATE(true, false);
    CHECK(end_of(SIGINT, [=](unique_fd ready) {
              for (int i = 0; i < 8 && !has_threads_left; ++i) arm_watchdog(1h, [] {});
              ready.reset();
              if (::vfork() == 0) {
                  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                  for (;;) ::pause();
              }
          }) == 55);
}

TEST_CASE("without a thread to be had handlers begin the limit", "[power]") {
    CHECK(end_of(
              GENERATE(SIGINT, SIGTERM, SIGQUIT),
              [](unique_fd ready) {
                  ready.reset();
                  for (volatile bool is_stuck = true; is_stuck;) continue;
              },
              threads::none) == 55);
}

TEST_CASE("the first signal, and only that, begins the way down at once", "[power]") {
    static std::atomic<int> begun;
    begun = 0;
    power_watch_options options;
    options.limit_action = nothing;
    options.first_action = [] { ++begun; };
    power_watch watch(options);
    ::kill(::getpid(), SIGTERM);
    while (watch.signals() < 1 || begun < 1) ::sched_yield();
    ::kill(::getpid(), SIGINT);
    while (watch.signals() < 2) ::sched_yield();
    watch.arm();
    CHECK(begun == 1);
    CHECK(watch.first_signal() == SIGTERM);
}

TEST_CASE("a signal that came before anybody was there to be told is told", "[power]") {
    power_watch_options options;
    options.limit_action = nothing;
    power_watch watch(options);
    ::kill(::getpid(), SIGINT);
    while (watch.signals() == 0) ::sched_yield();
    unique_fd told(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    CHECK_FALSE(is_readable(told.get(), 0));
    watch.report_to(told.get());
    CHECK(is_readable(told.get(), -1));
}

TEST_CASE("the end of a watch leaves the signals as they were", "[power]") {
    auto before = current_mask();
    {
        power_watch watch;
        CHECK(watch.has_thread());
        auto during = current_mask();
        for (int number : {SIGINT, SIGTERM, SIGQUIT}) CHECK(::sigismember(&during, number) == 1);
    }
    auto after = current_mask();
    for (int number = 1; number < NSIG; ++number) CHECK(::sigismember(&before, number) == ::sigismember(&after, number));
}

TEST_CASE("what a process inside sends does not end PID 1, whichever thread may take it", "[.][privileged]") {
    auto status = test::run_as_pid_one([] {
        install_fatal_handlers({});
        power_watch_options options;
        options.limit = 1h;
        options.first_action = [] {};
        power_watch watch(options);
        if (!watch.has_thread()) ::_exit(1);
        // The thread is in its wait when this one has been taken.
        ::kill(::getpid(), SIGTERM);
        while (watch.signals() == 0) ::sched_yield();
        pid_t child = ::fork();
        if (child == 0) {
            for (int number = 1; number < NSIG; ++number) {
                bool asks_for_power_off = number == SIGINT || number == SIGTERM || number == SIGQUIT;
                if (!asks_for_power_off && number != SIGSTOP) ::kill(1, number);
            }
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
        ::_exit(watch.signals() == 1 ? 7 : 2);
    });
    CAPTURE(status);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}
