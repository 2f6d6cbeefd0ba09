#include "attached_process.hpp"

#include <signal.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>
#include <vector>

#include "fresh_id.hpp"
#include "inherited_descriptor.hpp"
#include "stdio_streams.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace task = containerd::task::v3;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t copy_size = 64 * 1024;           // what a vsock connection buffers at a time
constexpr clock::duration output_limit = 30s;          // as long as hosts hold an exit back for its output
constexpr clock::duration unsent_poll_interval = 5ms;  // the kernel has no event for "the peer has taken it all"
constexpr int endings_before_kill = 3;

}  // namespace

attached_stdio::attached_stdio(const client_session& guest, bool is_interactive, bool has_terminal)
    : input(is_interactive || (has_terminal && is_terminal(guest.local().in)) ? stdin_mode::forwarded
                                                                              : stdin_mode::none),
      console(has_terminal ? console_mode::terminal : console_mode::none) {}

attached_process::attached_process(client_session& guest, process_key key, attached_stdio stdio)
    : guest_(guest),
      key_(std::move(key)),
      stdio_(stdio),
      outputs_changed_(guest.context().get_executor()),
      signals_(guest.context().get_executor()),
      tasks_(guest.context().get_executor(), log_of(guest.context())) {
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT}) signals_.add(signal);
}

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
    auto size = window_size_of(guest_.local().in);
    if (stdio_.console == console_mode::none || !size) co_return;
    task::ResizePtyRequest message;
    message.set_id(key_.id);
    message.set_exec_id(key_.exec_id);
    message.set_width(size->width);
    message.set_height(size->height);
    auto tasks = guest_.task();
    // A window of the wrong size is no reason to disturb what is shown in it.
    (void)co_await tasks.ResizePty(std::move(message), guest_.call_limit());
}

void attached_process::begin() {
    if (stdio_.console == console_mode::terminal && in_ && is_terminal(guest_.local().in)) {
        auto raw = raw_mode::enter(guest_.local().in);
        if (raw) raw_.emplace(std::move(*raw));
    }
    if (in_) tasks_.spawn("stdin", copy_input());
    open_outputs_ = err_ ? 2 : 1;
    tasks_.spawn("stdout", copy_output(out_, guest_.local().out));
    if (err_) tasks_.spawn("stderr", copy_output(err_, guest_.local().err));
    tasks_.spawn("signals", forward_signals());
}

awaitable<void> attached_process::copy_input() {
    auto source = inherited_descriptor::open(guest_.context(), guest_.local().in, direction::in);
    if (!source) co_return guest_.out().warn("stdin: " + error_line(source.error()));
    std::vector<char> buffer(copy_size);
    for (;;) {
        auto got = co_await source->read_some(buffer);
        if (!got) guest_.out().warn("stdin: " + error_line(got.error()));
        if (!got || *got == 0) break;
        auto bytes = asio::buffer(buffer.data(), *got);
        auto [failure, sent] = co_await asio::async_write(*in_, bytes, as_tuple_awaitable);
        // The process has closed its stdin, or ended.
        if (failure) co_return;
    }
    co_await close_input();
}

awaitable<void> attached_process::close_input() {
    // CloseIO goes another way than the bytes and could overtake those that have not left us.
    while (unsent_bytes(*in_) > 0) co_await sleep_for(unsent_poll_interval);
    task::CloseIORequest message;
    message.set_id(key_.id);
    message.set_exec_id(key_.exec_id);
    message.set_stdin(true);
    auto tasks = guest_.task();
    auto closed = co_await tasks.CloseIO(std::move(message), guest_.call_limit());
    bool is_over = !closed && closed.error().kind() == errc::not_found;
    if (!closed && !is_over) guest_.out().warn("close stdin: " + error_line(closed.error()));
}

awaitable<void> attached_process::copy_output(stream& from, int fd) {
    auto target = inherited_descriptor::open(guest_.context(), fd, direction::out);
    std::vector<char> buffer(copy_size);
    while (target) {
        auto [failure, got] = co_await from->async_read_some(asio::buffer(buffer), as_tuple_awaitable);
        if (failure) break;
        auto written = co_await target->write_all(std::string_view(buffer.data(), got));
        // Nobody reads us: the process shall see that too.
        if (!written) break;
    }
    from.reset();
    --open_outputs_;
    outputs_changed_.notify_all();
}

awaitable<result<void>> attached_process::outputs_ended() {
    while (open_outputs_ > 0) {
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled);
        co_await outputs_changed_.wait();
    }
    co_return result<void>();
}

awaitable<void> attached_process::forward_signals() {
    for (;;) {
        auto [failure, signal] = co_await signals_.async_wait(as_tuple_awaitable);
        if (failure) co_return;
        co_await forward(signal);
    }
}

awaitable<void> attached_process::forward(int signal) {
    if (signal == SIGCONT && raw_) raw_->resume();
    if (signal == SIGCONT || signal == SIGWINCH) co_return co_await resize();
    bool has_patience = ++endings_ < endings_before_kill;
    auto number = static_cast<std::uint32_t>(has_patience ? signal : SIGKILL);
    auto killed = co_await kill_process(guest_, key_, number, kill_target::process);
    bool is_over = !killed && killed.error().kind() == errc::not_found;
    if (!killed && !is_over) guest_.out().warn("kill: " + error_line(killed.error()));
}

awaitable<result<task::WaitResponse>> attached_process::follow() {
    begin();
    auto ended = co_await wait_process(guest_, key_, guest_.no_limit());
    if (ended) {
        auto drained = co_await with_timeout(outputs_ended(), output_limit, "output");
        if (!drained) guest_.out().warn("output is still open though the process has ended");
    }
    tasks_.stop();
    co_await tasks_.join();
    raw_.reset();
    co_return ended;
}

}  // namespace vminit::vminitctl
