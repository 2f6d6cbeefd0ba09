// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/call.hpp"

#include "ttrpc/envelope.hpp"
#include "ttrpc/server_connection.hpp"

namespace vminit::ttrpc {

namespace {

error unmarshalling_failed(std::string_view what) {
    return error(errc::internal, "ttrpc: error unmarshalling payload: " + std::string(what));
}

constexpr std::string_view bad_payload = "cannot parse invalid wire-format data";

}  // namespace

call::call(server_connection& connection, server_core& core, method_entry method, std::uint32_t stream_id)
    : call_context(method.owner->name, method.info().name, connection.peer()),
      connection_(&connection),
      core_(core),
      method_(std::move(method)),
      stream_id_(stream_id),
      began_(clock::now()) {}

call::~call() { core_.deadlines().clear(*this); }

void call::start(const request_view& request, const frame_header& header) {
    adopt_request(request);
    auto& counts = method_.metrics();
    ++counts.started;
    ++counts.running;
    request_bytes_ = header.length;
    core_.call_began(request_bytes_);
    connection_->requests().take(request_bytes_);
    announces_input_ = header.has(frame_flag::remote_open);
    if (takes_input()) {
        stream_.emplace(core_.get_executor());
        if (!payload_.empty()) add_input(payload_);
    }
    if (header.has(frame_flag::remote_closed)) is_input_closed_ = true;
    task_ = core_.tasks().spawn("ttrpc call", run(shared_from_this()));
    core_.meter().record(clock::now() - began_);
    // It may have been cancelled while it could not be stopped yet.
    if (is_cancelled_) task_.stop();
    if (!is_decoded_ && !takes_input()) owned_payload_ = payload_;
    payload_ = owned_payload_;
}

void call::note_age() const noexcept {
    auto& oldest = method_.metrics().oldest;
    if (!oldest || began_ < *oldest) oldest = began_;
}

void call::adopt_request(const request_view& request) {
    payload_ = request.payload;
    for (const auto& [key, value] : request.metadata) metadata_.append(key, value);
    if (request.timeout_nano == 0) return;
    auto when = time_after(began_, clock::duration(request.timeout_nano));
    if (when == clock::time_point::max()) return;
    deadline_ = when;
    core_.deadlines().set(*this, when);
}

awaitable<void> call::run(std::shared_ptr<call> self) {
    result<void> outcome;
    try {
        outcome = co_await self->method_.owner->service->invoke(self->method_.index, *self);
    } catch (const boost::system::system_error& thrown) {
        outcome = error(thrown.code() == asio::error::operation_aborted ? make_error_code(errc::cancelled) : thrown.code());
    } catch (const std::exception& thrown) {
        outcome = error(errc::internal, thrown.what());
    } catch (...) {
        outcome = error(errc::internal, "exception of unknown type");
    }
    self->handler_returned(outcome);
}

void call::handler_returned(const result<void>& outcome) {
    core_.call_ended(request_bytes_);
    --method_.metrics().running;
    if (connection_ == nullptr) return;
    bool streams_output = kind() == method_kind::server_stream || kind() == method_kind::bidi;
    if (!outcome) {
        connection_->put_status(stream_id_, to_status(outcome.error()));
    } else if (streams_output) {
        connection_->put(message_type::data, stream_id_, frame_flag::remote_closed | frame_flag::no_data, {});
    } else {
        connection_->put_status(stream_id_, protocol_status::no_response());
    }
    end(outcome.has_value() && streams_output);
}

// The terminal frame has been queued, or there is nobody to send it to.
void call::end(bool is_success) noexcept {
    auto& counts = method_.metrics();
    if (!is_success) ++counts.failed;
    counts.latency.record(clock::now() - began_);
    core_.deadlines().clear(*this);
    discard_input();
    connection_->requests().give(request_bytes_);
    auto* connection = std::exchange(connection_, nullptr);
    auto self = shared_from_this();
    connection->remove(stream_id_);
    connection->schedule_flush();
}

void call::cancel() noexcept {
    is_cancelled_ = true;
    if (stream_) stream_->changed.notify_all();
    task_.stop();
}

void call::abort(const status& outcome) {
    if (connection_ == nullptr) return;
    connection_->put_status(stream_id_, outcome);
    end(false);
    cancel();
}

void call::lose() noexcept {
    if (connection_ == nullptr) return;
    end(false);
    cancel();
}

void call::on_deadline() { abort(to_status(error(errc::deadline_exceeded))); }

bool call::has_input_room(std::size_t size) const noexcept {
    const auto& queued = stream_->messages;
    if (queued.size() >= max_queued_messages) return false;
    if (!queued.empty() && stream_->bytes + size > max_queued_bytes) return false;
    return connection_->input().fits(size + message_overhead);
}

void call::add_input(std::string_view message) {
    stream_->messages.emplace_back(message);
    stream_->bytes += message.size();
    connection_->input().take(message.size() + message_overhead);
    stream_->changed.notify_all();
}

void call::discard_input() noexcept {
    if (!stream_) return;
    connection_->input().give(stream_->bytes + stream_->messages.size() * message_overhead);
    stream_->messages.clear();
    stream_->bytes = 0;
}

void call::close_input() {
    is_input_closed_ = true;
    if (stream_) stream_->changed.notify_all();
}

result<void> call::decode(google::protobuf::MessageLite& request) {
    is_decoded_ = true;
    bool is_decodable = request.ParseFromArray(payload_.data(), static_cast<int>(payload_.size()));
    owned_payload_ = {};
    payload_ = {};
    if (!is_decodable) return unmarshalling_failed(bad_payload);
    return {};
}

result<void> call::reply(const google::protobuf::MessageLite& response) { return put_reply(response); }
result<void> call::reply(const serialized& response) { return put_reply(response.bytes); }

template <class Response>
result<void> call::put_reply(const Response& response) {
    if (connection_ == nullptr) return error(errc::cancelled);
    using put_outcome = frame_channel::put_outcome;
    std::uint64_t size = 0;
    auto outcome = connection_->put_response(stream_id_, response, size);
    if (outcome != put_outcome::queued) {
        bool is_oversize = outcome == put_outcome::too_large;
        auto why = is_oversize ? protocol_status::oversize(size) : protocol_status::too_much_output();
        connection_->put_status(stream_id_, why);
    }
    end(outcome == put_outcome::queued);
    if (outcome != put_outcome::queued) return error(errc::resource_exhausted, "response");
    return {};
}

awaitable<result<bool>> call::receive(google::protobuf::MessageLite& message) {
    if (!stream_) co_return false;
    while (stream_->messages.empty()) {
        if (connection_ == nullptr) co_return error(errc::cancelled);
        if (is_input_closed_) co_return false;
        bool goes_on = co_await stream_->changed.wait();
        if (!goes_on || is_cancelled_) co_return error(errc::cancelled);
    }
    auto data = std::move(stream_->messages.front());
    stream_->messages.pop_front();
    stream_->bytes -= data.size();
    connection_->input().give(data.size() + message_overhead);
    connection_->resume_reading();
    if (!message.ParseFromString(data)) co_return unmarshalling_failed(bad_payload);
    co_return true;
}

awaitable<result<void>> call::send(std::string message) {
    if (connection_ == nullptr) co_return error(errc::cancelled);
    if (message.size() > max_frame_data) {
        abort(protocol_status::oversize(message.size()));
        co_return error(errc::resource_exhausted, "message");
    }
    while (!connection_->has_room()) {
        auto channel = connection_->shared_from_this();
        bool goes_on = co_await channel->wait_for_progress(channel);
        if (!channel->is_open()) co_return error(errc::unavailable, "connection closed");
        if (!goes_on || connection_ == nullptr) co_return error(errc::cancelled);
    }
    if (!connection_->has_room_for(message.size())) {
        abort(protocol_status::too_much_output());
        co_return error(errc::resource_exhausted, "message");
    }
    connection_->put(message_type::data, stream_id_, 0, message);
    connection_->schedule_flush();
    co_return result<void>();
}

awaitable<result<void>> call::flushed() {
    if (connection_ == nullptr) co_return error(errc::unavailable, "connection closed");
    auto channel = connection_->shared_from_this();
    co_return co_await channel->wait_until_flushed(channel);
}

}  // namespace vminit::ttrpc
