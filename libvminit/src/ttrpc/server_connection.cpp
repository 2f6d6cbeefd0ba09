#include "ttrpc/server_connection.hpp"

#include <algorithm>

#include "ttrpc/call.hpp"
#include "ttrpc/envelope.hpp"

namespace vminit::ttrpc {

namespace {

// Turns of the loop a handler gets to take a message before its full queue counts as overflow.
constexpr unsigned full_queue_turns = 16;

// Overflowed streams whose late Data is dropped silently; older ones are answered like any unknown stream.
constexpr std::size_t max_overflowed = 64;

}  // namespace

server_connection::server_connection(stream_socket socket, peer_identity peer, server_core& core)
    : frame_channel(std::move(socket), core.deadlines()), core_(core), peer_(peer) {}

server_connection::~server_connection() = default;

bool server_connection::on_frame(const frame& incoming, unsigned attempt) {
    const auto& header = incoming.header;
    if (header.stream_id % 2 == 0) {
        refuse(header.stream_id, protocol_status::even_stream_id());
    } else if (header.is(message_type::data)) {
        return on_data(incoming, attempt);
    } else if (header.is(message_type::request)) {
        on_request(incoming);
    }
    return true;
}

void server_connection::on_oversize(const frame_header& header) {
    core_.counts().discarded_bytes += header.length;
    auto why = protocol_status::oversize(header.length);
    auto running = header.is(message_type::data) ? find(header.stream_id) : nullptr;
    if (!running) return refuse(header.stream_id, why);
    ++core_.counts().protocol_errors;
    running->abort(why);
}

void server_connection::on_request(const frame& incoming) {
    auto id = incoming.header.stream_id;
    if (id <= highest_id_) return refuse(id, protocol_status::reused_stream_id());
    highest_id_ = id;
    request_view request;
    if (auto malformed = read_request(incoming.data, request)) {
        return refuse(id, protocol_status::undecodable_request(*malformed));
    }
    start(id, incoming.header.flags, request);
}

void server_connection::start(std::uint32_t stream_id, std::uint8_t flags, const request_view& request) {
    method_entry method;
    switch (core_.registry().find(request.service, request.method, method)) {
        case lookup_outcome::unknown_service:
            return put_status(stream_id, protocol_status::unknown_service(request.service));
        case lookup_outcome::unknown_method: return put_status(stream_id, protocol_status::unknown_method(request.method));
        case lookup_outcome::found: break;
    }
    bool is_full = calls_.size() >= core_.limits().calls_per_connection || !core_.has_room_for_call(request.payload.size());
    if (core_.is_draining() || is_full) {
        ++core_.counts().refused_calls;
        return put_status(stream_id, is_full ? protocol_status::too_many_calls() : protocol_status::shutting_down());
    }
    if (request.timeout_nano < 0) return put_status(stream_id, to_status(error(errc::deadline_exceeded)));
    auto begun = std::make_shared<call>(*this, core_, std::move(method), stream_id);
    calls_.push_back(begun);
    begun->start(request, flags);
}

bool server_connection::on_data(const frame& incoming, unsigned attempt) {
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
            if (attempt < full_queue_turns) return false;
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
    put(message_type::response, stream_id, 0, write_status_response(outcome));
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
