// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/power.hpp"

#include <sys/eventfd.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "vminit/core/log.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/system/machine_end.hpp"

namespace vminit::system {

namespace {

// A lambda's captures live in the function object: it must live as long as the coroutine, also when left behind.
awaitable<void> perform(std::function<awaitable<void>()> run) { co_await run(); }

}  // namespace

// A phase runs as a task of its own: one that does not even heed its cancellation is left behind, not waited for.
struct power_control::running_phase {
    running_phase(executor ex, logger& log, const shutdown_phase& phase)
        : name(phase.name), is_last(phase.order == phase_order::last), deadline(clock::now() + phase.limit), group(ex, log) {
        group.spawn(name, perform(phase.run));
    }
    std::string name;
    bool is_last;
    bool is_hurried = false;
    clock::time_point deadline;
    task_group group;
};

power_control::power_control(asio::io_context& context, power_options options)
    : power_control(context, std::make_unique<power_watch>(options.watch), nullptr, std::move(options)) {}

power_control::power_control(asio::io_context& context, power_watch& watch, power_options options)
    : power_control(context, nullptr, &watch, std::move(options)) {}

power_control::power_control(asio::io_context& context, std::unique_ptr<power_watch> own, power_watch* watch,
                             power_options options)
    : context_(context),
      options_(std::move(options)),
      own_watch_(std::move(own)),
      watch_(watch != nullptr ? *watch : *own_watch_),
      reports_(context.get_executor()),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    if (!options_.final_action) options_.final_action = end_machine;
    open_reports();
}

power_control::~power_control() { watch_.report_to(-1); }

void power_control::open_reports() {
    auto& log = log_of(context_);
    if (!watch_.has_thread()) log.warn("no thread for signals: they come late when the loop hangs");
    auto fd = syscalls::check("eventfd", {}, [] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); });
    error_code failure;
    if (fd) reports_.assign(static_cast<int>(*fd), failure);
    if (!fd || failure) return log.error("signals only end hard", {{"error", fd ? error(failure, "eventfd") : fd.error()}});
    watch_.report_to(reports_.native_handle());
}

void power_control::add_phase(shutdown_phase phase) { phases_.push_back(std::move(phase)); }

void power_control::request(std::string reason) {
    if (is_going_down_) return;
    is_going_down_ = true;
    // Nobody may be there yet to take it up: a boot that hangs comes to no end by itself.
    watch_.arm();
    reason_ = std::move(reason);
    changed_.notify_all();
}

awaitable<void> power_control::watch_signals() {
    for (;;) {
        auto [failure, size] = co_await reports_.async_read_some(asio::buffer(&report_, sizeof report_), as_tuple_awaitable);
        if (failure) co_return;
        heed_signals();
    }
}

void power_control::heed_signals() {
    auto came = watch_.signals();
    if (came > 1) is_cut_short_ = true;
    if (came > 0) request("signal " + std::to_string(watch_.first_signal()));
    changed_.notify_all();
}

awaitable<void> power_control::run() {
    tasks_.spawn("power signals", watch_signals());
    while (!is_going_down_) co_await changed_.wait();
    // From here on nothing that cancels the caller may stop the way down.
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    log_of(context_).info("going down", {{"reason", reason_}});
    auto started = clock::now();
    co_await go_down();
    tasks_.stop();
    auto took = std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - started);
    log_of(context_).info("powering off", {{"took_ms", took.count()}});
    options_.final_action();
}

awaitable<void> power_control::go_down() {
    std::vector<std::unique_ptr<running_phase>> beside;
    for (const auto& phase : phases_) {
        if (phase.order == phase_order::beside) beside.push_back(begin(phase));
    }
    for (const auto& phase : phases_) {
        if (phase.order != phase_order::in_turn || is_cut_short_) continue;
        auto running = begin(phase);
        co_await finish(*running);
    }
    for (auto& running : beside) co_await finish(*running);
    if (is_cut_short_) log_of(context_).warn("going down at once: a second signal came");
    for (const auto& phase : phases_) {
        if (phase.order != phase_order::last) continue;
        auto running = begin(phase);
        co_await finish(*running);
    }
}

std::unique_ptr<power_control::running_phase> power_control::begin(const shutdown_phase& phase) {
    return std::make_unique<running_phase>(context_.get_executor(), log_of(context_), phase);
}

awaitable<void> power_control::finish(running_phase& phase) {
    using namespace asio::experimental::awaitable_operators;
    while (phase.group.size() > 0 && clock::now() < phase.deadline) {
        if (is_cut_short_ && !phase.is_last) co_return;
        if (is_cut_short_ && !std::exchange(phase.is_hurried, true)) {
            phase.deadline = std::min(phase.deadline, clock::now() + options_.hurried_limit);
        }
        auto left = phase.deadline - clock::now();
        co_await ((phase.group.join() || changed_.wait()) || sleep_for(left));
    }
    if (phase.group.size() > 0) log_of(context_).warn("shutdown phase took too long", {{"phase", phase.name}});
}

}  // namespace vminit::system
