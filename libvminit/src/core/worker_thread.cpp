// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/worker_thread.hpp"

#include <memory>
#include <utility>

#include "vminit/core/syscalls.hpp"

namespace vminit {

namespace {

using work_function = std::function<void()>;

void* perform(void* argument) noexcept {
    std::unique_ptr<work_function> work(static_cast<work_function*>(argument));
    (*work)();
    return nullptr;
}

}  // namespace

worker_thread::worker_thread(worker_thread&& other) noexcept
    : thread_(other.thread_), is_running_(std::exchange(other.is_running_, false)) {}

worker_thread& worker_thread::operator=(worker_thread&& other) noexcept {
    if (this == &other) return *this;
    join();
    thread_ = other.thread_;
    is_running_ = std::exchange(other.is_running_, false);
    return *this;
}

result<worker_thread> worker_thread::start(std::function<void()> work) {
    auto owned = std::make_unique<work_function>(std::move(work));
    worker_thread started;
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_size);
    int failure = ::pthread_create(&started.thread_, &attributes, perform, owned.get());
    ::pthread_attr_destroy(&attributes);
    if (failure != 0) return error(syscalls::detail::errno_code(failure), "thread");
    (void)owned.release();
    started.is_running_ = true;
    return started;
}

void worker_thread::join() noexcept {
    if (std::exchange(is_running_, false)) ::pthread_join(thread_, nullptr);
}

void worker_thread::detach() noexcept {
    if (std::exchange(is_running_, false)) ::pthread_detach(thread_);
}

}  // namespace vminit
