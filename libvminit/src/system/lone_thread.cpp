// SPDX-License-Identifier: Apache-2.0
#include "lone_thread.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace vminit::system {

namespace {

static_assert(sizeof(std::atomic<int>) == sizeof(int));

long now() noexcept {
    struct timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

bool lone_thread::claim() noexcept {
    int nobody = 0;
    return id_.compare_exchange_strong(nobody, claimed);
}

bool lone_thread::start_claimed(void (*work)(void*) noexcept, void* argument) noexcept {
    work_ = work;
    argument_ = argument;
    // The kernel's own call: glibc's leaves out the two signals that it keeps for itself, which any process may send.
    auto all = ~std::uint64_t{0};
    std::uint64_t before = 0;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
    constexpr int as_thread = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    auto* id = reinterpret_cast<pid_t*>(&id_);
    int started = ::clone(enter, stack_ + sizeof stack_, as_thread | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, this, id,
                          nullptr, id);
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
    if (started == -1) id_.store(0);
    return started != -1;
}

bool lone_thread::wait(struct timespec limit) noexcept {
    long end = now() + limit.tv_sec * 1'000'000'000 + limit.tv_nsec;
    for (;;) {
        int id = id_.load();
        if (id == 0) return true;
        long left = end - now();
        if (left <= 0) return false;
        struct timespec time{left / 1'000'000'000, left % 1'000'000'000};
        // Not the private kind: the kernel wakes as for processes.
        ::syscall(SYS_futex, &id_, FUTEX_WAIT, id, &time, nullptr, 0);
    }
}

// Sanitizers keep state by thread, which this one has not.
#if defined(__clang__)
__attribute__((no_sanitize("address", "thread", "undefined")))
#else
__attribute__((no_sanitize("address"), no_sanitize("thread"), no_sanitize("undefined")))
#endif
int lone_thread::enter(void* self) {
    auto* mine = static_cast<lone_thread*>(self);
    mine->work_(mine->argument_);
    ::syscall(SYS_exit, 0);
    return 0;
}

}  // namespace vminit::system
