// SPDX-License-Identifier: Apache-2.0
#include "attached_process.hpp"

#include <signal.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <utility>
#include <vector>

#include "fresh_id.hpp"
#include "inherited_descriptor.hpp"
#include "input_forwarding.hpp"
#include "stdio_streams.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace task = containerd::task::v3;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t copy_size = 64 * 1024;           // what a vsock connection buffers at a time
constexpr clock::duration silence_limit = 30s;         // as long as hosts hold an exit back for its output
constexpr clock::duration answer_limit = 900ms;        // who presses ^C shall not wait a second for a guest that hangs
constexpr clock::duration hang_up_patience = 1s;       // from SIGHUP to SIGKILL

}  // namespace

attached_stdio::attached_stdio(const client_session& guest, bool is_interactive, bool has_terminal)
    : input(is_interactive || (has_terminal && is_terminal(guest.local().in)) ? stdin_mode::forwarded
                                                                              : stdin_mode::none),
      console(has_terminal ? console_mode::terminal : console_mode::none) {}

attached_process::attached_process(client_session& guest, process_key key, attached_stdio stdio, departure& leaving)
    : guest_(guest),
      key_(std::move(key)),
      stdio_(stdio),
      leaving_(leaving),
      outputs_(silence_limit),
      changed_(guest.context().get_executor()),
      tasks_(guest.context().get_executor(), log_of(guest.context())) {}

awaitable<result<void>> attached_process::open_one(stream& into, std::string& uri, std::uint32_t id) {
    auto opened = co_await guest_.open_stream(id);
    if (!opened) co_return opened.error();
    into.emplace(std::move(*opened));
    uri = stream_uri(id);
    co_return result<void>();
}

awaitable<result<void>> attached_process::open() {
    auto ids = fresh_stream_ids(3);
    if (stdio_.input == stdin_mode::forwarded) {
        auto opened = co_await open_one(in_, uris_.in, ids[0]);
        if (!opened) co_return opened.error();
    }
    auto opened = co_await open_one(out_, uris_.out, ids[1]);
    // A terminal has one output.
    if (!opened || stdio_.console == console_mode::terminal) co_return opened;
    co_return co_await open_one(err_, uris_.err, ids[2]);
}

awaitable<void> attached_process::resize() {
    if (stdio_.console != console_mode::none) co_await fit_window(guest_, key_);
}

void attached_process::begin() {
    if (stdio_.console == console_mode::terminal && in_ && is_terminal(guest_.local().in)) {
        auto raw = raw_mode::enter(guest_.local().in);
        if (raw) raw_.emplace(std::move(*raw));
    }
    if (in_) tasks_.spawn("stdin", copy_input());
    tasks_.spawn("stdout", copy_output(out_, guest_.local().out, 0));
    if (err_) tasks_.spawn("stderr", copy_output(err_, guest_.local().err, 1));
    tasks_.spawn("reader", watch_reader());
    phase_ = process_phase::running;
}

awaitable<void> attached_process::copy_input() { (void)co_await forward_input(guest_, key_, *in_, detach_keys()); }

awaitable<void> attached_process::copy_output(stream& from, int fd, std::size_t index) {
    outputs_.reads(index, clock::now());
    auto target = inherited_descriptor::open(guest_.context(), fd, direction::out);
    std::vector<char> buffer(copy_size);
    while (target) {
        outputs_.reads(index, clock::now());
        auto [failure, got] = co_await from->async_read_some(asio::buffer(buffer), as_tuple_awaitable);
        if (failure) break;
        outputs_.writes(index);
        auto written = co_await target->write_all(std::string_view(buffer.data(), got));
        if (written) continue;
        // Without our stderr the process goes on, and its guest sees that nobody takes it.
        if (fd == guest_.local().out) reader_lost(written.error());
        break;
    }
    from.reset();
    outputs_.closed(index);
    changed_.notify_all();
}

awaitable<void> attached_process::outputs_ended(clock::time_point since) {
    using namespace asio::experimental::awaitable_operators;
    while (outputs_.has_open() && !leaving_.is_told()) {
        auto left = outputs_.left(since, clock::now());
        if (left && *left <= clock::duration::zero()) {
            co_return guest_.out().warn("output is still open though the process has ended");
        }
        // While our reader is slow there is nothing to tell when it goes on: look again after a while.
        co_await (changed_.wait() || sleep_for(left.value_or(silence_limit)));
    }
}

awaitable<void> attached_process::watch_reader() {
    co_await reader_gone(guest_.context(), guest_.local().out);
    reader_lost(error(make_error_code(boost::system::errc::broken_pipe), "write stdout"));
}

void attached_process::reader_lost(const error& why) {
    if (leaving_.is_told()) return;
    output_failure_ = why;
    leaving_.tell(SIGPIPE, hang_up_limit);
    changed_.notify_all();
    if (phase_ == process_phase::running) tasks_.spawn("kill", forward(SIGKILL, SIGPIPE));
}

void attached_process::take(int signal) {
    if (signal == SIGCONT && raw_) raw_->resume();
    if (signal == SIGCONT || signal == SIGWINCH) {
        if (phase_ == process_phase::running) tasks_.spawn("resize", resize());
        return;
    }
    switch (endings_.next(signal, phase_)) {
        case ending_step::forward:
            tasks_.spawn("signal", forward(signal, signal));
            break;
        case ending_step::kill:
            tasks_.spawn("signal", forward(SIGKILL, signal));
            break;
        case ending_step::hang_up:
            tasks_.spawn("hang up", hang_up());
            break;
        case ending_step::finish:
            leaving_.tell(signal, clean_up_limit(signal));
            break;
        case ending_step::leave:
            leaving_.tell(signal, clock::duration::zero());
            break;
    }
    changed_.notify_all();
}

// Whether the guest has taken it, or there is nobody left to take it.
awaitable<bool> attached_process::kill(int signal, clock::duration limit) {
    // With the first process go all others of the container.
    auto target = signal == SIGKILL && key_.exec_id.empty() ? kill_target::all : kill_target::process;
    auto killed = co_await kill_process(guest_, key_, static_cast<std::uint32_t>(signal), target, limit);
    if (killed || killed.error().kind() == errc::not_found) co_return true;
    guest_.out().warn("kill: " + error_line(killed.error()));
    co_return false;
}

// `reason` is the signal that we got and leave by if the guest does not answer.
awaitable<void> attached_process::forward(int signal, int reason) {
    auto limit = reason == SIGPIPE ? hang_up_limit : answer_limit;
    bool is_sent = co_await kill(signal, limit);
    if (!is_sent) leaving_.tell(reason, clock::duration::zero());
}

awaitable<void> attached_process::hang_up() {
    leaving_.tell(SIGHUP, hang_up_limit);
    (void)co_await kill(SIGHUP, hang_up_limit);
    co_await sleep_for(hang_up_patience);
    if (phase_ == process_phase::running) (void)co_await kill(SIGKILL, hang_up_limit);
}

awaitable<result<task::WaitResponse>> attached_process::follow() {
    begin();
    auto ended = co_await wait_process(guest_, key_, guest_.no_limit());
    phase_ = process_phase::ended;
    if (ended) co_await outputs_ended(clock::now());
    co_return ended;
}

awaitable<void> attached_process::close() {
    if (raw_ && leaving_.is_told()) raw_->give_up();
    raw_.reset();
    tasks_.stop();
    co_await tasks_.join();
}

}  // namespace vminit::vminitctl
