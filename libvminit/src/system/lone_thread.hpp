// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <time.h>

#include <atomic>

namespace vminit::system {

/// A thread for the end, when nothing may be relied on: started by system calls alone, on a stack that is there from
/// the beginning, so that it needs neither the heap nor its lock. It has no thread-local storage of its own (errno is
/// its starter's), takes no signals, and its work may do nothing but system calls. Constant-initialised, for statics.
///
/// All of it is async-signal-safe.
class lone_thread {
public:
    constexpr lone_thread() noexcept = default;
    lone_thread(const lone_thread&) = delete;
    lone_thread& operator=(const lone_thread&) = delete;

    /// Runs `work(argument)`. False when one runs already, or the kernel has no thread left.
    bool start(void (*work)(void*) noexcept, void* argument) noexcept { return claim() && start_claimed(work, argument); }

    /// The two halves of `start`, for who must write the argument in between.
    bool claim() noexcept;
    bool start_claimed(void (*work)(void*) noexcept, void* argument) noexcept;

    /// Waits for its end. False if that has not come after `limit`.
    bool wait(struct timespec limit) noexcept;

private:
    static int enter(void* self);

    static constexpr int claimed = -1;
    // The kernel writes the thread's id here, and zero when it has left its stack for good.
    std::atomic<int> id_{0};
    void (*work_)(void*) noexcept = nullptr;
    void* argument_ = nullptr;
    alignas(16) unsigned char stack_[8192]{};
};

}  // namespace vminit::system
