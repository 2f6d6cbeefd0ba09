// SPDX-License-Identifier: Apache-2.0
#include "attached_input.hpp"

#include <signal.h>

#include <utility>

#include "fresh_id.hpp"
#include "stdio_streams.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

using namespace std::chrono_literals;

namespace {

// Who has left a moment ago may still be attached: the guest sees the end of a stream when it gets there.
constexpr clock::duration leaving_time = 1s;
constexpr clock::duration retry_pause = 50ms;

}  // namespace

attached_input::attached_input(client_session& guest, process_key key, console mode, detach_keys keys,
                               departure& leaving)
    : guest_(guest),
      key_(std::move(key)),
      mode_(mode),
      keys_(std::move(keys)),
      leaving_(leaving),
      tasks_(guest.context().get_executor(), log_of(guest.context())) {}

awaitable<result<void>> attached_input::open() {
    if (mode_ == console::terminal) {
        auto state = co_await process_state(guest_, key_);
        if (!state) co_return state.error();
        if (!state->terminal()) co_return error(errc::invalid_argument, "it was started without a terminal: leave -t");
    }
    id_ = fresh_stream_ids(1).front();
    auto opened = co_await guest_.open_stream(id_);
    if (!opened) co_return opened.error();
    stream_.emplace(std::move(*opened));
    co_return result<void>();
}

void attached_input::begin() { tasks_.spawn("stdin", type_in()); }

awaitable<result<void>> attached_input::attach() {
    vminit::process::v1::AttachInputRequest request;
    request.set_id(key_.id);
    request.set_exec_id(key_.exec_id);
    request.set_stdin(stream_uri(id_));
    auto containers = guest_.container();
    for (auto until = clock::now() + leaving_time;;) {
        auto attached = co_await containers.AttachInput(request, guest_.call_limit());
        if (attached) co_return result<void>();
        bool may_leave = attached.error().kind() == errc::already_exists && clock::now() < until;
        if (!may_leave) co_return attached.error();
        co_await sleep_for(retry_pause);
    }
}

awaitable<void> attached_input::type_in() {
    auto attached = co_await attach();
    if (!attached) {
        failure_ = attached.error();
        co_return leaving_.tell(SIGTERM, clock::duration::zero());
    }
    if (mode_ == console::terminal && is_terminal(guest_.local().in)) {
        auto raw = raw_mode::enter(guest_.local().in);
        if (raw) raw_.emplace(std::move(*raw));
        co_await fit_window(guest_, key_);
    }
    auto ended = co_await forward_input(guest_, key_, *stream_, keys_);
    if (ended != input_end::detached) co_return;
    is_detached_ = true;
    leaving_.tell(SIGTERM, clock::duration::zero());
}

void attached_input::take(int signal) {
    if (signal == SIGCONT && raw_) raw_->resume();
    if (signal != SIGCONT && signal != SIGWINCH) return leaving_.tell(signal, clock::duration::zero());
    if (raw_) tasks_.spawn("resize", fit_window(guest_, key_));
}

awaitable<void> attached_input::close() {
    tasks_.stop();
    co_await tasks_.join();
    raw_.reset();
    // An end in order: what was sent before it arrives.
    stream_.reset();
}

}  // namespace vminit::vminitctl
