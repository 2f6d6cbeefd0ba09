// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/server_connection.hpp"

#include <algorithm>
#include <iterator>

#include "ttrpc/call.hpp"
#include "ttrpc/envelope.hpp"

namespace vminit::ttrpc {

namespace {

// Overflowed streams whose late Data is dropped silently; older ones are answered like any unknown stream.
constexpr std::size_t max_overflowed = 64;

channel_limits limits_of(server_core& core) {
    channel_limits limits;
    limits.output_bytes = core.limits().output_bytes / 2;
    limits.all_output = &core.all_output();
    limits.all_frames = &core.all_frames();
    limits.frame_time = core.limits().frame_time;
    limits.write_time = core.limits().write_time;
    limits.reader_patience = core.limits().reader_patience;
    return limits;
}

}  // namespace

server_connection::server_connection(stream_socket socket, peer_identity peer, server_core& core)
    : frame_channel(std::move(socket), core.deadlines(), limits_of(core)),
      core_(core),
      peer_(peer),
      requests_(core.limits().request_bytes / 2),
      input_(core.limits().input_bytes / 2, &core.all_input()) {}

server_connection::~server_connection() = default;

bool server_connection::on_frame(const frame& incoming, patience reader) {
    const auto& header = incoming.header;
    if (header.stream_id % 2 == 0) {
        refuse(header.stream_id, protocol_status::even_stream_id());
    } else if (header.is(message_type::data)) {
        return on_data(incoming, reader);
    } else if (header.is(message_type::request)) {
        on_request(incoming);
    }
    return true;
}

void server_connection::on_skipped(const frame_header& header) {
    core_.counts().discarded_bytes += header.length;
    bool is_oversize = header.length > max_frame_data;
    auto why = is_oversize ? protocol_status::oversize(header.length) : protocol_status::too_much_input();
    auto running = header.is(message_type::data) ? find(header.stream_id) : nullptr;
    if (!running) return refuse(header.stream_id, why);
    ++core_.counts().protocol_errors;
    running->abort(why);
}

void server_connection::on_request(const frame& incoming) {
    auto id = incoming.header.stream_id;
    if (!ids_.take(id)) return refuse(id, protocol_status::reused_stream_id());
    request_view request;
    if (auto malformed = read_request(incoming.data, request)) {
        return refuse(id, protocol_status::undecodable_request(*malformed));
    }
    start(incoming.header, request);
}

void server_connection::start(const frame_header& header, const request_view& request) {
    auto stream_id = header.stream_id;
    method_entry method;
    switch (core_.registry().find(request.service, request.method, method)) {
        case lookup_outcome::unknown_service:
            return put_status(stream_id, protocol_status::unknown_service(request.service));
        case lookup_outcome::unknown_method: return put_status(stream_id, protocol_status::unknown_method(request.method));
        case lookup_outcome::found: break;
    }
    if (request.has_too_much_metadata) {
        ++core_.counts().refused_calls;
        return put_status(stream_id, protocol_status::too_much_metadata());
    }
    bool is_full = calls_.size() >= core_.limits().calls_per_connection || !requests_.fits(header.length) ||
                   !core_.has_room_for_call(header.length);
    if (core_.is_draining() || is_full) {
        ++core_.counts().refused_calls;
        return put_status(stream_id, is_full ? protocol_status::too_many_calls() : protocol_status::shutting_down());
    }
    if (request.timeout_nano < 0) return put_status(stream_id, to_status(error(errc::deadline_exceeded)));
    auto begun = std::make_shared<call>(*this, core_, std::move(method), stream_id);
    insert(begun);
    begun->start(request, header);
}

void server_connection::insert(std::shared_ptr<call> begun) {
    auto at = calls_.end();
    while (at != calls_.begin() && (*std::prev(at))->stream_id() > begun->stream_id()) --at;
    calls_.insert(at, std::move(begun));
}

bool server_connection::on_data(const frame& incoming, patience reader) {
    const auto& header = incoming.header;
    bool is_closing = header.has(frame_flag::remote_closed);
    bool has_message = !header.has(frame_flag::no_data);
    auto target = find(header.stream_id);
    if (!target) {
        bool is_under_way = std::find(overflowed_.begin(), overflowed_.end(), header.stream_id) != overflowed_.end();
        if (!is_under_way) refuse(header.stream_id, protocol_status::inactive_stream());
        return true;
    }
    if (!is_closing && !has_message) return true;
    auto breach = [&](const status& why) {
        ++core_.counts().protocol_errors;
        target->abort(why);
        return true;
    };
    if (target->kind() == method_kind::unary) return breach(protocol_status::inactive_stream());
    if (target->is_input_closed()) return has_message ? breach(protocol_status::closed_stream()) : true;
    if (has_message && target->kind() != method_kind::server_stream) {
        if (!target->has_input_room(incoming.data.size())) {
            if (reader == patience::left) return false;
            remove_overflowed(header.stream_id);
            return breach(protocol_status::full_stream());
        }
        target->add_input(incoming.data);
    }
    if (is_closing) target->close_input();
    return true;
}

void server_connection::refuse(std::uint32_t stream_id, const status& why) {
    ++core_.counts().protocol_errors;
    put_status(stream_id, why);
}

void server_connection::put_status(std::uint32_t stream_id, const status& outcome) {
    auto max_text = has_room_for(max_status_text) ? max_status_text : small_frame / 4;
    put(message_type::response, stream_id, 0, write_status_response(outcome, max_text));
}

std::shared_ptr<call> server_connection::find(std::uint32_t stream_id) const {
    auto at = std::lower_bound(calls_.begin(), calls_.end(), stream_id,
                               [](const auto& running, std::uint32_t id) { return running->stream_id() < id; });
    return at != calls_.end() && (*at)->stream_id() == stream_id ? *at : nullptr;
}

void server_connection::remove(std::uint32_t stream_id) noexcept {
    std::erase_if(calls_, [&](const auto& running) { return running->stream_id() == stream_id; });
}

void server_connection::remove_overflowed(std::uint32_t stream_id) {
    if (overflowed_.size() == max_overflowed) overflowed_.pop_front();
    overflowed_.push_back(stream_id);
}

void server_connection::close_if_idle() {
    if (calls_.empty() && is_flushed()) close(asio::error::operation_aborted);
}

void server_connection::on_flushed() {
    if (core_.is_draining()) close_if_idle();
}

void server_connection::on_closed(const error_code& why) noexcept {
    // lose() would remove each call from the vector we walk.
    auto lost = std::move(calls_);
    calls_.clear();
    for (auto& running : lost) running->lose();
    core_.connection_closed(*this, why);
}

void server_connection::note_ages() const noexcept {
    for (const auto& running : calls_) running->note_age();
}

void server_connection::drop() noexcept {
    for (auto& running : calls_) running->drop();
    calls_.clear();
}

}  // namespace vminit::ttrpc
