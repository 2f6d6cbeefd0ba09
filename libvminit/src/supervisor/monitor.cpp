// SPDX-License-Identifier: Apache-2.0
#include "supervisor/monitor.hpp"

#include <signal.h>

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <chrono>
#include <utility>
#include <variant>

#include "vminit/core/timeout.hpp"

namespace vminit::supervisor {

namespace {

// SIGKILL needs no longer, but for what hangs in the kernel. Within `supervisor_service::stop_grace`.
constexpr auto leftovers_limit = std::chrono::milliseconds(250);
constexpr auto leftovers_interval = std::chrono::milliseconds(10);

std::int64_t milliseconds(clock::duration span) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

}  // namespace

monitor::monitor(asio::io_context& context, const supervisor_config& config, service_spec spec, task_group& tasks)
    : config_(config),
      spec_(std::move(spec)),
      tasks_(tasks),
      log_(log_of(context)),
      wake_(context.get_executor()),
      policy_(spec_.restart, spec_.limits),
      launcher_(context, config_, spec_),
      output_(context, spec_.name, spec_.log_file.empty() ? "" : config_.root + spec_.log_file, spec_.log_limit) {}

supervised_status monitor::status() const {
    auto now = clock::now();
    supervised_status status;
    status.name = spec_.name;
    status.state = state_;
    status.binary = binary_;
    if (state_ == supervised_state::running) status.pid = child_.pid();
    status.starts = starts_;
    status.restarts_in_window = policy_.restarts_in_window(now);
    status.last_exit = last_exit_;
    status.last_failure = last_failure_;
    if (state_ == supervised_state::backing_off) status.restart_due_in = restart_at_ - now;
    status.output_dropped = output_.dropped();
    return status;
}

void monitor::fire(start_trigger which, const std::string& rootfs) {
    bool is_open = state_ == supervised_state::waiting || state_ == supervised_state::absent;
    if (which != spec_.trigger || !is_open || is_triggered_) return;
    is_triggered_ = true;
    rootfs_ = rootfs;
    wake();
}

void monitor::restart() {
    if (request_ == request::none) request_ = request::restart;
    wake();
}

void monitor::stop() {
    request_ = request::stop;
    wake();
}

awaitable<void> monitor::run() {
    co_await wait_for_trigger();
    while (request_ != request::stop) {
        request_ = request::none;
        is_triggered_ = false;
        policy_.reset();
        binary_ = launcher_.find_binary();
        if (binary_.empty()) {
            state_ = supervised_state::absent;
            log_.debug("service absent", {{"service", spec_.name}});
        } else {
            co_await keep_running();
        }
        while (request_ == request::none && !is_triggered_) co_await pause();
    }
    state_ = supervised_state::stopped;
    launcher_.clean_up();
    output_.finish();
}

awaitable<void> monitor::wait_for_trigger() {
    if (spec_.trigger == start_trigger::at_once) co_return;
    auto until = spec_.trigger == start_trigger::extras ? clock::now() + spec_.extras_wait : clock::time_point::max();
    while (!is_triggered_ && request_ == request::none && clock::now() < until) co_await pause(until);
}

// Returns when the policy wants no more starts, or there is a request.
awaitable<void> monitor::keep_running() {
    for (;;) {
        auto end = co_await run_once();
        if (request_ != request::none) co_return;
        auto decision = policy_.next(end, clock::now());
        auto* restart = std::get_if<restart_in>(&decision);
        if (restart == nullptr) {
            state_ = supervised_state::stopped;
            if (std::holds_alternative<give_up>(decision)) note_gave_up();
            co_return;
        }
        co_await back_off(restart->delay);
        if (request_ != request::none) co_return;
    }
}

awaitable<run_end> monitor::run_once() {
    if (!launcher_.has_mode(binary_)) co_await launcher_.set_mode(binary_);
    if (!start()) co_return run_end::not_started;
    while (!child_.exited() && request_ == request::none) co_await pause();
    if (!child_.exited()) co_await terminate();
    auto end = note_exit();
    co_await end_leftovers();
    co_return end;
}

// However it ended: what it has started must not hold its socket against the next run, nor pile up with each crash.
awaitable<void> monitor::end_leftovers() {
    if (!launcher_.has_cgroup()) co_return;
    auto until = clock::now() + leftovers_limit;
    for (;;) {
        auto gone = co_await with_timeout(launcher_.kill_leftovers(), until - clock::now(), "kill leftovers");
        if (gone && *gone) co_return;
        if (clock::now() >= until) break;
        co_await pause(std::min<clock::time_point>(until, clock::now() + leftovers_interval));
    }
    log_.warn("service left processes behind", {{"service", spec_.name}});
}

// SIGTERM goes to the process alone, which may want to end its own children in its own way; SIGKILL to all of them.
awaitable<void> monitor::terminate() {
    log_.info("service stopping", {{"service", spec_.name}, {"pid", child_.pid()}});
    (void)child_.signal(SIGTERM);
    auto until = clock::now() + spec_.stop_limit;
    while (!child_.exited() && clock::now() < until) co_await pause(until);
    if (!child_.exited()) {
        log_.warn("service killed", {{"service", spec_.name}, {"pid", child_.pid()}});
        (void)child_.signal_group(SIGKILL);
    }
    while (!child_.exited()) co_await pause();
}

awaitable<void> monitor::back_off(clock::duration delay) {
    auto restarts = policy_.restarts_in_window(clock::now());
    restart_at_ = clock::now() + delay;
    state_ = supervised_state::backing_off;
    log_.info("service restarting",
              {{"service", spec_.name}, {"delay_ms", milliseconds(delay)}, {"restarts", restarts}});
    emit(supervised_restarting{spec_.name, delay, restarts});
    while (request_ == request::none && clock::now() < restart_at_) co_await pause(restart_at_);
}

awaitable<void> monitor::pause(clock::time_point until) {
    error_code ignored;
    wake_.expires_at(until);
    co_await wake_.async_wait(asio::redirect_error(use_awaitable, ignored));
}

void monitor::wake() { wake_.cancel(); }

bool monitor::start() {
    if (auto opened = output_.open(tasks_); !opened) {
        log_.warn("service has no log file", {{"service", spec_.name}, {"error", opened.error()}});
    }
    auto started = launcher_.start(binary_, rootfs_, output_.writer());
    if (!started) {
        last_failure_ = started.error().message();
        log_.warn("service start failed", {{"service", spec_.name}, {"error", last_failure_}});
        emit(supervised_start_failed{spec_.name, last_failure_});
        return false;
    }
    child_ = std::move(*started);
    child_.async_wait([this](error_code, reaper::exit_status) { wake(); });
    state_ = supervised_state::running;
    ++starts_;
    last_failure_.clear();
    log_.info("service started", {{"service", spec_.name}, {"pid", child_.pid()}});
    emit(supervised_started{spec_.name, child_.pid()});
    return true;
}

run_end monitor::note_exit() {
    last_exit_ = child_.exited();
    launcher_.note_ended();
    log_.info("service exited", {{"service", spec_.name}, {"pid", child_.pid()}, {"status", last_exit_->value}});
    emit(supervised_exited{spec_.name, child_.pid(), *last_exit_});
    return last_exit_->value == 0 ? run_end::succeeded : run_end::crashed;
}

void monitor::note_gave_up() {
    auto restarts = policy_.restarts_in_window(clock::now());
    state_ = supervised_state::gave_up;
    log_.error("service given up", {{"service", spec_.name}, {"restarts", restarts}});
    emit(supervised_gave_up{spec_.name, restarts});
}

void monitor::emit(supervised_event event) const {
    if (config_.on_event) config_.on_event(event);
}

}  // namespace vminit::supervisor
