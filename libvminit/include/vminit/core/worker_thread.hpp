// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>

#include "vminit/core/result.hpp"

namespace vminit {

/// A thread for work that may sleep; like `std::jthread`, but with a small stack. Move-only; its end is awaited by
/// `join` or the destructor, unless it was detached.
class worker_thread {
public:
    /// Half a huge page of x86-64: in the usual 8 MiB a kernel with transparent_hugepage=always may back a touched page
    /// with 2 MiB. Deep enough for the 512 levels of `system::remove_tree`.
    static constexpr std::size_t stack_size = std::size_t{1} << 20;

    worker_thread() noexcept = default;
    worker_thread(worker_thread&& other) noexcept;
    worker_thread& operator=(worker_thread&& other) noexcept;
    ~worker_thread() { join(); }

    /// Runs `work` in a thread of its own; an exception that leaves it ends the program. Errors: resource_exhausted
    /// (EAGAIN: no pids, no memory).
    static result<worker_thread> start(std::function<void()> work);

    /// Waits for its end. Nothing to wait for: returns at once.
    void join() noexcept;
    void detach() noexcept;

private:
    pthread_t thread_{};
    bool is_running_ = false;
};

}  // namespace vminit
