// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/power_watch.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "vminit/system/machine_end.hpp"

namespace vminit::system {

namespace {

constexpr int power_signals[] = {SIGINT, SIGTERM, SIGQUIT};
constexpr std::size_t stack_size = 64 * 1024;

std::atomic<power_watch*> with_handlers{nullptr};  // for the handlers, which get nothing but a number

sigset_t set_of_power_signals() noexcept {
    sigset_t set;
    ::sigemptyset(&set);
    for (int number : power_signals) ::sigaddset(&set, number);
    return set;
}

// An alarm is for the thread of the watch, which can always take it, and for no other.
sigset_t set_to_block() noexcept {
    auto set = set_of_power_signals();
    ::sigaddset(&set, SIGALRM);
    return set;
}

// While one thread blocks a signal and another does not, the kernel does not keep one without a handler from PID 1: it
// ends it (complete_signal() of kernel/signal.c). Any process could send it an alarm.
void ignore_alarm() noexcept {
    struct sigaction present{};
    ::sigaction(SIGALRM, nullptr, &present);
    if (present.sa_handler == SIG_DFL) ::signal(SIGALRM, SIG_IGN);
}

void heed_alarm_again() noexcept {
    struct sigaction present{};
    ::sigaction(SIGALRM, nullptr, &present);
    if (present.sa_handler == SIG_IGN) ::signal(SIGALRM, SIG_DFL);
}

// Faults of the thread itself must reach their handlers; everything else is for others.
void block_in_thread() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    for (int taken : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGALRM}) ::sigdelset(&all, taken);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

void end_hard() noexcept {
    if (::getpid() == 1) (void)sync_within(std::chrono::milliseconds(200));
    end_machine();
    ::_exit(1);
}

void sync_early() noexcept {
    if (::getpid() == 1) begin_sync();
}

}  // namespace

power_watch::power_watch(power_watch_options options) noexcept : options_(options) {
    if (options_.limit_action == nullptr) options_.limit_action = end_hard;
    if (options_.first_action == nullptr) options_.first_action = sync_early;
    ignore_alarm();
    auto blocked = set_to_block();
    ::pthread_sigmask(SIG_BLOCK, &blocked, &mask_before_);
    has_thread_ = start_thread();
    if (!has_thread_) take_by_handlers();
}

power_watch::~power_watch() {
    eventfd_.store(-1);
    if (has_thread_) {
        is_ended_.store(true);
        ::pthread_kill(thread_, SIGTERM);
        ::pthread_join(thread_, nullptr);
    } else {
        for (int number : power_signals) ::signal(number, SIG_DFL);
        with_handlers.store(nullptr);
    }
    heed_alarm_again();
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

bool power_watch::start_thread() noexcept {
    // Until it blocks the rest itself nothing is handled in it.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_size);
    bool is_started = ::pthread_create(&thread_, &attributes, run, this) == 0;
    ::pthread_attr_destroy(&attributes);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return is_started;
}

void* power_watch::run(void* self) {
    auto* watch = static_cast<power_watch*>(self);
    block_in_thread();
    auto taken = set_of_power_signals();
    while (!watch->is_ended_.load()) {
        siginfo_t info{};
        int number = ::sigwaitinfo(&taken, &info);
        // The end of the watch is told by a signal to this thread; EINTR is a handler that ran here.
        if (number > 0 && !watch->is_ended_.load()) watch->take(number);
    }
    return nullptr;
}

void power_watch::take_by_handlers() noexcept {
    with_handlers.store(this);
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    action.sa_mask = set_of_power_signals();
    for (int number : power_signals) ::sigaction(number, &action, nullptr);
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void power_watch::on_signal(int number) {
    if (auto* watch = with_handlers.load()) watch->take(number);
}

void power_watch::take(int number) noexcept {
    int none = 0;
    first_signal_.compare_exchange_strong(none, number);
    signals_.fetch_add(1);
    arm();
    wake();
}

void power_watch::arm() noexcept {
    if (is_armed_.exchange(true)) return;
    arm_watchdog(options_.limit, options_.limit_action);
    options_.first_action();
}

void power_watch::report_to(int eventfd) noexcept {
    eventfd_.store(eventfd);
    // One that came in between wakes twice; who is woken looks at the count.
    if (signals() > 0) wake();
}

void power_watch::wake() const noexcept {
    int fd = eventfd_.load();
    std::uint64_t one = 1;
    if (fd >= 0) (void)!::write(fd, &one, sizeof one);
}

}  // namespace vminit::system
