// SPDX-License-Identifier: Apache-2.0
#include "runc/command.hpp"

#include <signal.h>

#include <exception>

#include "runc/output_capture.hpp"
#include "vminit/reaper/reaper_service.hpp"

namespace vminit::runc {

namespace {

// A killed process ends within moments unless it sleeps in the kernel; we do not wait for a broken disk.
constexpr auto kill_grace = std::chrono::seconds(5);

// Collects the outputs of one invocation; where the write ends go is in `options`.
class captures {
public:
    captures(executor ex, output_mode mode) : ex_(ex), mode_(mode) {}

    result<void> open(reaper::spawn_options& options) {
        if (mode_ == output_mode::attached) return {};
        bool is_combined = mode_ == output_mode::combined;
        auto part = is_combined ? capture_part::tail : capture_part::head;
        out_ = std::make_shared<output_capture>(ex_, is_combined ? max_error_output : max_output, part);
        auto end = out_->start();
        if (!end) return end.error();
        out_end_ = std::move(*end);
        options.stdout_fd = options.stderr_fd = out_end_.get();
        if (is_combined) return {};
        err_ = std::make_shared<output_capture>(ex_, max_error_output, capture_part::tail);
        end = err_->start();
        if (!end) return end.error();
        err_end_ = std::move(*end);
        options.stderr_fd = err_end_.get();
        return {};
    }

    // The child has its copies.
    void close_ends() {
        out_end_.reset();
        err_end_.reset();
    }

    void finish(command_outcome& outcome) {
        if (out_) {
            outcome.output = out_->finish();
            outcome.is_output_cut = out_->is_truncated();
        }
        if (err_) outcome.error_output = err_->finish();
    }

private:
    executor ex_;
    output_mode mode_;
    std::shared_ptr<output_capture> out_, err_;
    unique_fd out_end_, err_end_;
};

reaper::spawn_options spawn_options_for(const command& what) {
    reaper::spawn_options options(what.argv.front(), what.argv);
    options.env = what.env;
    options.stdin_fd = what.input ? what.input.get() : what.stdio.in;
    if (what.output == output_mode::attached) {
        options.stdout_fd = what.stdio.out;
        options.stderr_fd = what.stdio.err;
    }
    options.group = reaper::process_group::own;
    options.parent_death_signal = SIGKILL;
    return options;
}

// Until the runtime has ended, its limit has passed or the caller was cancelled; then it is made to end.
awaitable<void> await_end(const reaper::child& runtime, clock::duration limit, command_outcome& outcome) {
    auto ended = co_await runtime.wait_for(limit);
    if (!ended) {
        auto state = co_await asio::this_coro::cancellation_state;
        bool is_cancelled = state.cancelled() != asio::cancellation_type::none;
        outcome.end = is_cancelled ? command_end::cancelled : command_end::timed_out;
        (void)runtime.signal_group(SIGKILL);
        co_await runtime.wait_for(kill_grace);
        co_return;
    }
    outcome.end = command_end::exited;
    outcome.status = ended->value;
}

awaitable<command_outcome> launch_and_wait(asio::io_context& context, command what) {
    command_outcome outcome;
    auto& reaper = asio::use_service<reaper::reaper_service>(context);
    co_await reaper.launch_turn();
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
        outcome.end = command_end::cancelled;
        co_return outcome;
    }
    auto options = spawn_options_for(what);
    captures captured(context.get_executor(), what.output);
    if (auto opened = captured.open(options); !opened) {
        outcome.failure = opened.error();
        co_return outcome;
    }
    auto runtime = reaper.launch(std::move(options));
    captured.close_ends();
    what.input.reset();
    if (!runtime) {
        outcome.failure = runtime.error();
        co_return outcome;
    }
    co_await await_end(*runtime, what.limit, outcome);
    captured.finish(outcome);
    co_return outcome;
}

}  // namespace

awaitable<command_outcome> run_command(asio::io_context& context, command what) {
    // A runtime that goes on after its caller has gone would work against the caller's clean-up: killing it and seeing
    // it dead must not be cut short by the cancellation that is the reason for it.
    bool throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    command_outcome outcome;
    std::exception_ptr failure;
    try {
        outcome = co_await launch_and_wait(context, std::move(what));
    } catch (...) {
        failure = std::current_exception();
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    if (failure) std::rethrow_exception(failure);
    co_return outcome;
}

}  // namespace vminit::runc
