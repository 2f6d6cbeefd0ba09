// SPDX-License-Identifier: Apache-2.0
#include "system/stoppable_write.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

void ignore_signal(int) {}

// Ignored it would not interrupt anything. No SA_RESTART, for the same reason.
void install_handler() {
    struct sigaction action{};
    action.sa_handler = ignore_signal;
    ::sigaction(SIGURG, &action, nullptr);
}

class unblocked_signal {
public:
    unblocked_signal() {
        install_handler();
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGURG);
        ::pthread_sigmask(SIG_UNBLOCK, &one, &before_);
    }
    ~unblocked_signal() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    unblocked_signal(const unblocked_signal&) = delete;
    unblocked_signal& operator=(const unblocked_signal&) = delete;

private:
    sigset_t before_;
};

}  // namespace

result<void> stoppable_write::perform(const std::string& path, std::string_view value) {
    unblocked_signal unblocked;
    thread_ = ::gettid();
    // Run again after EINTR, so it is here that a stop is noticed.
    auto unless_stopped = [this](auto call) {
        if (!is_stopped_) return static_cast<ssize_t>(call());
        errno = ECANCELED;
        return ssize_t{-1};
    };
    auto opened = syscalls::check("open", path, [&] {
        return unless_stopped([&] { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); });
    });
    result<void> outcome;
    if (opened) {
        unique_fd file(static_cast<int>(*opened));
        outcome = syscalls::attempt("write", path, [&] {
            return unless_stopped([&] { return ::write(file.get(), value.data(), value.size()); });
        });
    } else {
        outcome = opened.error();
    }
    thread_ = 0;
    return outcome;
}

void stoppable_write::stop() noexcept {
    is_stopped_ = true;
    if (pid_t writer = thread_; writer != 0) ::tgkill(::getpid(), writer, SIGURG);
}

}  // namespace vminit::system
