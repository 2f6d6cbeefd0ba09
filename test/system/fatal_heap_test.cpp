// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include "system/pid_one.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/fatal.hpp"

// Not with a sanitizer, which brings a heap of its own.
using namespace vminit;
using vminit::test::run_as_pid_one;

namespace {

// malloc(3) takes the heap's lock only in a process with threads. This one takes no signals: the main thread must.
void start_idle_thread() {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread([] {
        for (;;) ::pause();
    }).detach();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Returns only if it did not work. malloc(3) writes to the end of what it gives away, and there nobody may write.
void fault_inside_malloc() {
    auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    if (::mprotect(static_cast<char*>(::sbrk(0)) - page, page, PROT_NONE) != 0) return;
    // Less than a page, so that none reaches across it.
    for (void* volatile block = ::malloc(page / 4); block != nullptr;) block = ::malloc(page / 4);
}

}  // namespace

// These wait for the real alarm.
TEST_CASE("a fault that holds the heap's lock ends PID 1 all the same", "[.][privileged]") {
    auto status = run_as_pid_one([] {
        system::fatal_options options;
        options.console_fd = -1;
        system::install_fatal_handlers(options);
        start_idle_thread();
        fault_inside_malloc();
    });
    // What a power-off is in a pid namespace: reboot(2).
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGINT);
}

TEST_CASE("std::terminate ends PID 1 also while its console takes nothing", "[.][privileged]") {
    auto status = run_as_pid_one([] {
        auto console = syscalls::pipe(O_NONBLOCK).value();
        const std::string block(4096, 'x');
        while (::write(console.write_end.get(), block.data(), block.size()) > 0) continue;
        ::fcntl(console.write_end.get(), F_SETFL, 0);
        system::fatal_options options;
        options.console_fd = console.write_end.get();
        system::install_fatal_handlers(options);
        std::terminate();
    });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGINT);
}
