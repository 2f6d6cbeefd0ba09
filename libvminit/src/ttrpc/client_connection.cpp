// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/client_connection.hpp"

#include "ttrpc/envelope.hpp"

namespace vminit::ttrpc {

namespace {

// A client waits for its server as long as its callers do: they have timeouts of their own.
channel_limits limits_of(const client_limits& granted) {
    channel_limits limits;
    limits.reads_while_full = true;
    limits.output_bytes = granted.unsent_bytes;
    limits.frame_time = clock::duration::max();
    limits.write_time = clock::duration::max();
    limits.reader_patience = granted.reader_patience;
    return limits;
}

error oversize(std::uint64_t length) {
    return error(errc::resource_exhausted, protocol_status::oversize(length).message);
}

}  // namespace

client_connection::client_connection(stream_socket socket, logger& log, const client_limits& limits)
    : frame_channel(std::move(socket), deadlines_, limits_of(limits)),
      deadlines_(get_executor()),
      log_(log),
      max_unsent_(limits.unsent_bytes),
      tasks_(get_executor(), log) {}

void client_connection::start() { tasks_.spawn("ttrpc client", read_frames(shared_from_this(), scratch_)); }

result<void> client_connection::open(client_stream& stream, const request_parts& request, std::uint8_t flags) {
    if (failure_) return *failure_;
    if (next_id_ > UINT32_MAX) return error(errc::unavailable, "stream ids of this connection are used up");
    auto id = static_cast<std::uint32_t>(next_id_);
    next_id_ += 2;
    auto data = write_request(request);
    if (data.size() > max_frame_data) return oversize(data.size());
    if (pending() != 0 && pending() + data.size() > max_unsent_) {
        return error(errc::resource_exhausted, "too much is unsent");
    }
    // Id and first frame in one step: ids reach the wire in rising order.
    put(message_type::request, id, flags, data);
    schedule_flush();
    streams_.emplace(id, &stream);
    stream.opened(id);
    return {};
}

void client_connection::on_close(std::function<void()> hook) {
    if (failure_) return call_hook(hook);
    close_hooks_.push_back(std::move(hook));
}

void client_connection::call_hook(const std::function<void()>& hook) noexcept {
    try {
        try {
            hook();
        } catch (const std::exception& thrown) {
            log_.error("a ttrpc client's close hook failed", {{"error", thrown.what()}});
        }
    } catch (...) {
        // Neither a word about it nor an exception of another kind is worth the process.
    }
}

client_stream* client_connection::find(std::uint32_t stream_id) noexcept {
    auto at = streams_.find(stream_id);
    return at == streams_.end() ? nullptr : at->second;
}

bool client_connection::on_frame(const frame& incoming, patience reader) {
    auto* stream = find(incoming.header.stream_id);
    if (stream != nullptr) return stream->take(incoming, reader);
    // Late answers to calls that timed out, and replies to Data that crossed the end of its stream.
    log_.debug("ttrpc frame for no stream dropped", {{"stream", incoming.header.stream_id}});
    return true;
}

void client_connection::on_skipped(const frame_header& header) {
    if (auto* stream = find(header.stream_id)) stream->fail(oversize(header.length));
}

void client_connection::on_closed(const error_code& why) noexcept {
    failure_.emplace(client_errc::closed, why == asio::error::eof ? std::string() : why.message());
    auto open = std::move(streams_);
    streams_.clear();
    for (auto& [id, stream] : open) stream->fail(*failure_);
    auto hooks = std::move(close_hooks_);
    close_hooks_.clear();
    for (const auto& hook : hooks) call_hook(hook);
}

client_stream::client_stream(std::shared_ptr<client_connection> connection, method_kind kind)
    : connection_(std::move(connection)), kind_(kind), changed_(connection_->get_executor()) {}

client_stream::~client_stream() {
    connection_->deadlines().clear(*this);
    if (stream_id_ != 0) connection_->forget(stream_id_);
}

result<void> client_stream::start(const request_parts& request, const call_options& options, std::uint8_t flags) {
    if (options.timeout && *options.timeout <= clock::duration::zero()) return error(errc::deadline_exceeded);
    auto opened = connection_->open(*this, request, flags);
    if (!opened) return opened.error();
    if (options.timeout) connection_->deadlines().set(*this, time_after(clock::now(), *options.timeout));
    if (kind_ == method_kind::unary || kind_ == method_kind::server_stream) is_send_closed_ = true;
    return {};
}

void client_stream::on_deadline() { fail(error(errc::deadline_exceeded)); }

void client_stream::fail(error failure) {
    if (is_over_) return;
    failure_ = std::move(failure);
    finish();
}

void client_stream::finish() {
    is_over_ = true;
    connection_->deadlines().clear(*this);
    if (stream_id_ != 0) connection_->forget(std::exchange(stream_id_, 0));
    changed_.notify_all();
}

void client_stream::abandon() noexcept {
    fail(error(client_errc::stream_closed));
    connection_->wake();
}

bool client_stream::take(const frame& incoming, patience reader) {
    const auto& header = incoming.header;
    if (header.is(message_type::response)) return take_response(incoming, reader);
    if (header.is(message_type::data) && !answers_once()) return take_data(incoming, reader);
    fail(error(client_errc::protocol, header.is(message_type::data) ? "received data from non-streaming server"
                                                                    : "unexpected frame type"));
    return true;
}

bool client_stream::take_response(const frame& incoming, patience reader) {
    response_view response;
    if (auto malformed = read_response(incoming.data, response)) {
        fail(error(client_errc::protocol, std::string(*malformed)));
        return true;
    }
    if (response.code != 0) {
        fail(to_error(response.code, response.message));
        return true;
    }
    if (!queue(response.payload, reader)) return false;
    if (!is_over_) finish();
    return true;
}

bool client_stream::take_data(const frame& incoming, patience reader) {
    const auto& header = incoming.header;
    if (!header.has(frame_flag::no_data) && !queue(incoming.data, reader)) return false;
    if (header.has(frame_flag::remote_closed) && !is_over_) finish();
    return true;
}

// False: the reader has not made room yet.
bool client_stream::queue(std::string_view message, patience reader) {
    bool fits = queue_.size() < max_queued_messages && queued_bytes_ + message.size() <= max_queued_bytes;
    if (!fits && !queue_.empty()) {
        if (reader == patience::left) return false;
        fail(error(client_errc::stream_full));
        return true;
    }
    queue_.emplace_back(message);
    queued_bytes_ += message.size();
    changed_.notify_all();
    return true;
}

awaitable<result<bool>> client_stream::receive([[maybe_unused]] std::shared_ptr<client_stream> self,
                                               google::protobuf::MessageLite& message) {
    while (queue_.empty() && !is_over_) {
        bool goes_on = co_await changed_.wait();
        if (!goes_on) co_return error(errc::cancelled);
    }
    if (!queue_.empty()) {
        auto data = std::move(queue_.front());
        queue_.pop_front();
        queued_bytes_ -= data.size();
        connection_->resume_reading();
        if (!message.ParseFromString(data)) co_return error(client_errc::protocol, "message cannot be decoded");
        co_return true;
    }
    // A lost connection stays lost; a status ends the stream once.
    if (connection_->failure()) co_return failure_ ? *failure_ : error(client_errc::closed);
    if (auto failure = std::exchange(failure_, std::nullopt)) co_return *failure;
    co_return false;
}

awaitable<result<void>> client_stream::wait_for_response(std::shared_ptr<client_stream> self,
                                                         google::protobuf::MessageLite& response) {
    auto received = co_await receive(std::move(self), response);
    if (!received) co_return received.error();
    if (!*received) co_return error(client_errc::protocol, "stream ended without a response");
    co_return result<void>();
}

awaitable<result<void>> client_stream::send([[maybe_unused]] std::shared_ptr<client_stream> self, std::string message) {
    if (message.size() > max_frame_data) co_return oversize(message.size());
    while (!is_over_ && !is_send_closed_ && !connection_->has_room()) {
        auto channel = connection_;
        bool goes_on = co_await channel->wait_for_progress(channel);
        if (!goes_on) co_return error(errc::cancelled);
    }
    if (failure_) co_return *failure_;
    if (is_send_closed_ || is_over_) co_return error(client_errc::stream_closed);
    connection_->put(message_type::data, stream_id_, 0, message);
    connection_->schedule_flush();
    co_return result<void>();
}

result<void> client_stream::close_send() {
    if (is_send_closed_) return error(client_errc::stream_closed);
    is_send_closed_ = true;
    // After the server's last frame the stream is gone there: telling it now would only make it complain.
    if (is_over_) return {};
    connection_->put(message_type::data, stream_id_, frame_flag::remote_closed | frame_flag::no_data, {});
    connection_->schedule_flush();
    return {};
}

}  // namespace vminit::ttrpc
