// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <chrono>

namespace vminit::system {

/// How long going down may take, and what then ends it.
struct power_watch_options {
    /// From the first signal, or `arm`, to `limit_action`.
    std::chrono::milliseconds limit = std::chrono::milliseconds(2800);

    /// How it ends then: called from a thread or a signal handler of its own, so async-signal-safe. The default: as
    /// PID 1 a last sync of 200 ms at most and `end_machine`; otherwise `_exit(1)`.
    void (*limit_action)() = nullptr;

    /// Called at the first signal, or at `arm`, as `limit_action` is. The default: as PID 1 `begin_sync`.
    void (*first_action)() = nullptr;
};

/// Takes SIGINT (ctrl-alt-del arrives as such), SIGTERM and SIGQUIT, and limits what comes after the first of them: from
/// construction on, also when the thread that is to heed them does not live up to it, be it in an endless handler, in
/// vfork(2) or in an uninterruptible sleep, where no handler of its own could run.
///
/// A thread sleeps in sigwait(3) for it, with a stack of 64 KiB. The three signals, and SIGALRM, are blocked in the
/// thread that makes it and in all that this one starts: make it first thing in main, and only one at a time. SIGALRM is
/// ignored unless somebody has a handler for it: from a stranger it would end PID 1. A signal to a single thread (tgkill(2), raise(3)) is not seen. Children want an empty mask before exec, as those of the
/// `reaper` have. If no thread can be started, handlers do its work as well as they can.
class power_watch {
public:
    explicit power_watch(power_watch_options options = {}) noexcept;
    ~power_watch();
    power_watch(const power_watch&) = delete;
    power_watch& operator=(const power_watch&) = delete;

    /// Adds to the eventfd with each signal from now on, at once if there was one before; -1: no more. Not owned.
    void report_to(int eventfd) noexcept;

    /// How many signals came so far, and which was the first; 0: none.
    unsigned signals() const noexcept { return signals_.load(); }
    int first_signal() const noexcept { return first_signal_.load(); }

    /// Begins the limit as a signal would, for who goes down without one. Idempotent; it cannot be called off.
    void arm() noexcept;

    bool has_thread() const noexcept { return has_thread_; }

private:
    static void* run(void* self);
    static void on_signal(int number);
    bool start_thread() noexcept;
    void take_by_handlers() noexcept;
    void take(int number) noexcept;
    void wake() const noexcept;

    power_watch_options options_;
    sigset_t mask_before_{};
    pthread_t thread_{};
    bool has_thread_ = false;
    std::atomic<bool> is_ended_{false};
    std::atomic<bool> is_armed_{false};
    std::atomic<unsigned> signals_{0};
    std::atomic<int> first_signal_{0};
    std::atomic<int> eventfd_{-1};
};

}  // namespace vminit::system
