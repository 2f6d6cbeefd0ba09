#include "vminit/system/power.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::system {

namespace {

void end_hard() {
    power_off_machine();
    ::_exit(1);
}

struct watchdog_state {
    struct timespec limit{};
    std::atomic<void (*)()> action{nullptr};
};
watchdog_state watchdog;  // a signal handler and a thread of no owner read it: it must outlive everything

void* watch(void*) {
    // EINTR cannot come: the thread takes no signals but SIGALRM, whose handlers end the machine.
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &watchdog.limit, nullptr);
    watchdog.action.load()();
    return nullptr;
}

void on_alarm(int) { watchdog.action.load()(); }

// A lambda's captures live in the function object: it must live as long as the coroutine, also when left behind.
awaitable<void> perform(std::function<awaitable<void>()> run) { co_await run(); }

bool start_watch_thread() noexcept {
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    // Starting a thread takes memory: after a fault that holds the heap's lock only the alarm gets out of there.
    ::sigdelset(&all, SIGALRM);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    ::pthread_attr_setstacksize(&attributes, 64 * 1024);
    pthread_t thread{};
    bool is_started = ::pthread_create(&thread, &attributes, watch, nullptr) == 0;
    ::pthread_attr_destroy(&attributes);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return is_started;
}

}  // namespace

void power_off_machine() noexcept {
    if (::getpid() == 1) ::reboot(RB_POWER_OFF);
}

void kill_all_processes(int signal) noexcept {
    if (::getpid() == 1) ::kill(-1, signal);
}

void arm_watchdog(std::chrono::milliseconds limit, void (*action)()) noexcept {
    auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
    watchdog.limit.tv_sec = seconds.count();
    watchdog.limit.tv_nsec = std::chrono::nanoseconds(limit - seconds).count();
    watchdog.action.store(action);
    // A thread acts even while the loop's thread sleeps in the kernel; without one left, a signal is the next best.
    if (start_watch_thread()) return;
    ::signal(SIGALRM, on_alarm);
    struct itimerval timer{};
    timer.it_value.tv_sec = seconds.count();
    timer.it_value.tv_usec = std::chrono::microseconds(limit - seconds).count();
    ::setitimer(ITIMER_REAL, &timer, nullptr);
}

power_control::power_control(asio::io_context& context, power_options options)
    : context_(context),
      options_(std::move(options)),
      signals_(context.get_executor()),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    if (!options_.final_action) options_.final_action = power_off_machine;
    if (options_.hard_limit_action == nullptr) options_.hard_limit_action = end_hard;
    for (int number : {SIGINT, SIGTERM, SIGQUIT}) {
        error_code failure;
        signals_.add(number, failure);
        if (failure) log_of(context).warn("signal not taken", {{"signal", number}, {"error", failure.message()}});
    }
}

void power_control::add_phase(shutdown_phase phase) { phases_.push_back(std::move(phase)); }

void power_control::request(std::string reason) {
    if (is_going_down_) return;
    is_going_down_ = true;
    reason_ = std::move(reason);
    changed_.notify_all();
}

awaitable<void> power_control::watch_signals() {
    for (;;) {
        auto [failure, number] = co_await signals_.async_wait(as_tuple_awaitable);
        if (failure) co_return;
        if (is_going_down_) is_cut_short_ = true;
        request("signal " + std::to_string(number));
        changed_.notify_all();
    }
}

awaitable<void> power_control::run() {
    tasks_.spawn("power signals", watch_signals());
    while (!is_going_down_) co_await changed_.wait();
    // From here on nothing that cancels the caller may stop the way down.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    arm_watchdog(options_.hard_limit, options_.hard_limit_action);
    log_of(context_).info("going down", {{"reason", reason_}});
    auto started = clock::now();
    co_await go_down();
    tasks_.stop();
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - started);
    log_of(context_).info("powering off", {{"took_ms", took.count()}});
    options_.final_action();
}

awaitable<void> power_control::go_down() {
    for (const auto& phase : phases_) {
        if (is_cut_short_) {
            log_of(context_).warn("going down at once: a second signal came");
            co_return;
        }
        co_await run_phase(phase);
    }
}

// A phase runs as a task of its own: one that does not even heed its cancellation is left behind, not waited for.
awaitable<void> power_control::run_phase(shutdown_phase phase) {
    using namespace asio::experimental::awaitable_operators;
    task_group group(context_.get_executor(), log_of(context_));
    group.spawn(phase.name, perform(phase.run));
    auto deadline = clock::now() + phase.limit;
    while (group.size() > 0 && !is_cut_short_ && clock::now() < deadline) {
        auto left = deadline - clock::now();
        co_await ((group.join() || changed_.wait()) || sleep_for(left));
    }
    if (group.size() > 0 && !is_cut_short_) {
        log_of(context_).warn("shutdown phase took too long", {{"phase", phase.name}});
    }
}

}  // namespace vminit::system
