// SPDX-License-Identifier: Apache-2.0
#include "host_stdio.hpp"

#include <fcntl.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <vector>

#include "guest_stream.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/logger.hpp"

namespace vminit::shim {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t copy_size = 64 * 1024;  // a fifo's usual size, and what a vsock connection buffers at a time
constexpr auto stream_limit = 10s;

bool is_uri(const std::string& name) { return name.find("://") != std::string::npos; }

}  // namespace

host_stdio::host_stdio(asio::io_context& context, stdio_names names, logged_process whose)
    : context_(context),
      names_(std::move(names)),
      whose_(std::move(whose)),
      changed_(context.get_executor()),
      tasks_(context.get_executor(), log_of(context)) {
    guest_.is_terminal = names_.is_terminal;
}

awaitable<result<void>> host_stdio::open(ttrpc::address streams, std::uint32_t first_id) {
    // Refused now, not after Start; kept by nobody, for an early reader would end a client that detaches.
    if (is_uri(names_.in)) co_return error(errc::not_implemented, "stdio " + names_.in + ": only fifos can be used");
    auto targets = co_await open_output_targets(context_, names_, whose_);
    if (!targets) co_return targets.error();
    logger_ = std::move(targets->logger);
    auto out = co_await open_output(std::move(targets->out), guest_.out, streams, first_id);
    if (!out) co_return out;
    auto err = co_await open_output(std::move(targets->err), guest_.err, streams, first_id + 1);
    if (!err || names_.in.empty()) co_return err;
    auto stream = co_await open_guest_stream(streams, first_id + 2, stream_limit);
    if (!stream) co_return stream.error();
    in_ = std::make_shared<ttrpc::stream_socket>(std::move(*stream));
    guest_.in = guest_stream_uri(first_id + 2);
    co_return result<void>();
}

awaitable<result<void>> host_stdio::open_output(std::shared_ptr<host_output> target, std::string& guest_name,
                                                ttrpc::address streams, std::uint32_t id) {
    if (!target) co_return result<void>();
    auto stream = co_await open_guest_stream(std::move(streams), id, stream_limit);
    if (!stream) co_return stream.error();
    guest_name = guest_stream_uri(id);
    ++open_outputs_;
    auto source = std::make_shared<ttrpc::stream_socket>(std::move(*stream));
    tasks_.spawn("output", copy_output(shared_from_this(), std::move(target), std::move(source)));
    co_return result<void>();
}

awaitable<void> host_stdio::copy_output(std::shared_ptr<host_stdio> self, std::shared_ptr<host_output> target,
                                        std::shared_ptr<ttrpc::stream_socket> source) {
    std::vector<char> buffer(copy_size);
    bool is_taken = true;
    for (;;) {
        auto [failure, count] = co_await source->async_read_some(asio::buffer(buffer), as_tuple_awaitable);
        if (failure) break;
        if (!is_taken) continue;
        auto written = co_await target->write(std::string_view(buffer.data(), count));
        if (written) continue;
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) break;
        log_of(self->context_).warn("output is lost", {{"to", self->names_.out}, {"error", written.error()}});
        is_taken = false;
    }
    target->close();
    error_code ignored;
    source->close(ignored);
    --self->open_outputs_;
    self->changed_.notify_all();
}

result<void> host_stdio::begin() {
    if (!in_) return {};
    auto reader = open_fifo(names_.in, O_RDONLY);
    if (!reader) return reader.error();
    if (!is_input_closed_) {
        auto writer = open_fifo(names_.in, O_WRONLY);
        if (!writer) return writer.error();
        own_writer_.emplace(context_.get_executor(), writer->release());
    }
    tasks_.spawn("input",
                 copy_input(shared_from_this(), std::make_shared<fifo>(context_.get_executor(), reader->release())));
    return {};
}

awaitable<void> host_stdio::copy_input(std::shared_ptr<host_stdio> self, std::shared_ptr<fifo> source) {
    std::vector<char> buffer(copy_size);
    for (;;) {
        auto [failure, count] = co_await source->async_read_some(asio::buffer(buffer), as_tuple_awaitable);
        if (failure) break;
        auto [refused, sent] =
            co_await asio::async_write(*self->in_, asio::buffer(buffer.data(), count), as_tuple_awaitable);
        if (refused) break;  // the process has closed its input, or ended
    }
    error_code ignored;
    self->in_->shutdown(ttrpc::stream_socket::shutdown_send, ignored);
}

void host_stdio::close_input() {
    is_input_closed_ = true;
    own_writer_.reset();
}

awaitable<result<void>> host_stdio::outputs_ended() {
    while (open_outputs_ > 0) {
        auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return error(errc::cancelled);
        co_await changed_.wait();
    }
    co_return result<void>();
}

awaitable<bool> host_stdio::drained(clock::duration limit) {
    if (open_outputs_ == 0) co_return true;
    auto done = co_await with_timeout(outputs_ended(), limit, "output");
    co_return static_cast<bool>(done);
}

void host_stdio::close() {
    tasks_.stop();
    own_writer_.reset();
    error_code ignored;
    if (in_) in_->close(ignored);
}

awaitable<void> host_stdio::end_logger() {
    auto logger = std::exchange(logger_, {});
    if (logger) co_await reaper::end_logger(std::move(logger), logger_patience, logger_after_term);
}

}  // namespace vminit::shim
