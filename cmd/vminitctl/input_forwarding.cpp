// SPDX-License-Identifier: Apache-2.0
#include "input_forwarding.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <utility>
#include <vector>

#include "inherited_descriptor.hpp"
#include "stdio_streams.hpp"
#include "terminal.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace task = containerd::task::v3;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t copy_size = 64 * 1024;           // what a vsock connection buffers at a time
constexpr clock::duration unsent_poll_interval = 5ms;  // the kernel has no event for "the peer has taken it all"

awaitable<bool> send(ttrpc::stream_socket& stream, std::string bytes) {
    auto [failure, sent] = co_await asio::async_write(stream, asio::buffer(bytes), as_tuple_awaitable);
    co_return !failure;
}

awaitable<void> close_input(client_session& guest, process_key key, ttrpc::stream_socket& stream) {
    // CloseIO goes another way than the bytes and could overtake those that have not left us.
    while (unsent_bytes(stream) > 0) co_await sleep_for(unsent_poll_interval);
    task::CloseIORequest message;
    message.set_id(key.id);
    message.set_exec_id(key.exec_id);
    message.set_stdin(true);
    auto tasks = guest.task();
    auto closed = co_await tasks.CloseIO(std::move(message), guest.call_limit());
    bool is_over = !closed && closed.error().kind() == errc::not_found;
    if (!closed && !is_over) guest.out().warn("close stdin: " + error_line(closed.error()));
}

}  // namespace

awaitable<input_end> forward_input(client_session& guest, process_key key, ttrpc::stream_socket& stream,
                                   detach_keys keys) {
    auto source = inherited_descriptor::open(guest.context(), guest.local().in, direction::in);
    if (!source) {
        guest.out().warn("stdin: " + error_line(source.error()));
        co_return input_end::ended;
    }
    std::vector<char> buffer(copy_size);
    for (bool is_over = false; !is_over;) {
        auto got = co_await source->read_some(buffer);
        if (!got) guest.out().warn("stdin: " + error_line(got.error()));
        is_over = !got || *got == 0;
        auto bytes = is_over ? keys.rest() : keys.pass(std::string_view(buffer.data(), *got));
        // The process has closed its stdin, or ended.
        bool is_sent = co_await send(stream, std::move(bytes));
        if (!is_sent) co_return input_end::refused;
        if (keys.is_complete()) co_return input_end::detached;
    }
    co_await close_input(guest, std::move(key), stream);
    co_return input_end::ended;
}

awaitable<void> fit_window(client_session& guest, process_key key) {
    auto size = window_size_of(guest.local().in);
    if (!size) co_return;
    task::ResizePtyRequest message;
    message.set_id(key.id);
    message.set_exec_id(key.exec_id);
    message.set_width(size->width);
    message.set_height(size->height);
    auto tasks = guest.task();
    (void)co_await tasks.ResizePty(std::move(message), guest.call_limit());
}

}  // namespace vminit::vminitctl
