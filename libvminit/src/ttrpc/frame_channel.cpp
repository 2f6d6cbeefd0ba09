#include "ttrpc/frame_channel.hpp"

#include <boost/asio/post.hpp>

#include "ttrpc/envelope.hpp"

namespace vminit::ttrpc {

namespace {

// What an idle channel keeps of its output buffer.
constexpr std::size_t kept_output = 4096;

}  // namespace

frame_channel::frame_channel(stream_socket socket, deadline_queue& deadlines)
    : socket_(std::move(socket)), deadlines_(deadlines), room_(socket_.get_executor()) {}

frame_channel::~frame_channel() = default;

awaitable<void> frame_channel::read_frames(std::shared_ptr<frame_channel> self, std::span<char> scratch) {
    try {
        std::string rest;
        while (is_open_) {
            auto [failure] = co_await socket_.async_wait(stream_socket::wait_read, as_tuple_awaitable);
            if (failure) {
                close(failure);
                break;
            }
            if (!has_room()) co_await wait_for_room(self);
            std::string_view input;
            if (!read_some(scratch, input)) continue;
            is_reading_ = true;
            while (handle(input) == progress::later) {
                // The scratch buffer is other channels' too as soon as they have their turn.
                if (rest.empty()) {
                    rest = input;
                    input = rest;
                }
                flush();
                co_await asio::post(use_awaitable);
            }
            is_reading_ = false;
            rest = {};
            watch_for_stall();
            flush();
        }
    } catch (...) {
        close(asio::error::operation_aborted);
        throw;
    }
}

bool frame_channel::read_some(std::span<char> scratch, std::string_view& input) {
    if (!is_open_) return false;
    error_code failure;
    auto count = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), failure);
    if (failure == asio::error::would_block) return false;
    if (failure) {
        close(failure);
        return false;
    }
    input = std::string_view(scratch.data(), count);
    return true;
}

frame_channel::progress frame_channel::handle(std::string_view& input) {
    if (stalled_attempts_ != 0 && is_open_ && !offer({stalled_header_, stalled_data_})) return progress::later;
    for (unsigned handled = 0; is_open_; ++handled) {
        if (handled == frames_per_turn && !input.empty()) return progress::later;
        frame incoming;
        switch (decoder_.next(input, incoming)) {
            case frame_decoder::outcome::need_more: return progress::done;
            case frame_decoder::outcome::oversize: on_oversize(incoming.header); break;
            case frame_decoder::outcome::excessive: close(asio::error::message_size); break;
            case frame_decoder::outcome::frame:
                if (!offer(incoming)) return progress::later;
                break;
        }
    }
    return progress::done;
}

bool frame_channel::offer(const frame& incoming) {
    if (on_frame(incoming, stalled_attempts_)) {
        if (stalled_attempts_ != 0) stalled_data_ = {};
        stalled_attempts_ = 0;
        return true;
    }
    if (stalled_attempts_ == 0) {
        stalled_header_ = incoming.header;
        stalled_data_ = incoming.data;
    }
    ++stalled_attempts_;
    return false;
}

void frame_channel::watch_for_stall() {
    if (is_open_ && decoder_.is_inside_frame()) {
        deadlines_.set(*this, clock::now() + stall_limit);
    } else {
        deadlines_.clear(*this);
    }
}

void frame_channel::on_deadline() { close(asio::error::timed_out); }

char* frame_channel::put_header(message_type type, std::uint32_t stream_id, std::uint8_t flags, std::size_t length) {
    auto at = output_.size();
    output_.resize(at + frame_header_size + length);
    queued_total_ += frame_header_size + length;
    frame_header header;
    header.length = static_cast<std::uint32_t>(length);
    header.stream_id = stream_id;
    header.type = static_cast<std::uint8_t>(type);
    header.flags = flags;
    encode_frame_header(header, output_.data() + at);
    return output_.data() + at + frame_header_size;
}

void frame_channel::put(message_type type, std::uint32_t stream_id, std::uint8_t flags, std::string_view data) {
    if (!is_open_) return;
    auto* target = put_header(type, stream_id, flags, data.size());
    data.copy(target, data.size());
}

bool frame_channel::put_response(std::uint32_t stream_id, const google::protobuf::MessageLite& message,
                                 std::uint64_t& size) {
    auto payload = message.ByteSizeLong();
    auto prefix = response_prefix(payload);
    size = prefix.size() + payload;
    if (size > max_frame_data) return false;
    if (!is_open_) return true;
    auto* target = put_header(message_type::response, stream_id, 0, prefix.size() + payload);
    prefix.copy(target, prefix.size());
    message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(target + prefix.size()));
    return true;
}

void frame_channel::schedule_flush() {
    // While reading, one flush after the batch does for all.
    if (is_reading_ || is_flush_scheduled_ || is_waiting_for_writable_ || !is_open_) return;
    is_flush_scheduled_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->is_flush_scheduled_ = false;
        self->flush();
    });
}

void frame_channel::flush() {
    if (!is_open_ || is_waiting_for_writable_) return;
    while (pending() != 0) {
        error_code failure;
        auto count = socket_.write_some(asio::buffer(output_.data() + sent_, pending()), failure);
        if (failure == asio::error::would_block) return flush_when_writable();
        if (failure) return close(failure);
        drop_sent(count);
    }
    on_flushed();
}

void frame_channel::flush_when_writable() {
    is_waiting_for_writable_ = true;
    socket_.async_wait(stream_socket::wait_write, [self = shared_from_this()](error_code failure) {
        self->is_waiting_for_writable_ = false;
        if (failure) return self->close(failure);
        self->flush();
    });
}

void frame_channel::drop_sent(std::size_t count) {
    sent_ += count;
    sent_total_ += count;
    if (sent_ == output_.size()) {
        output_.clear();
        sent_ = 0;
        if (output_.capacity() > kept_output) output_.shrink_to_fit();
    } else if (sent_ >= high_water) {
        output_.erase(0, sent_);
        sent_ = 0;
    }
    if (waiters_ != 0) room_.notify_all();
}

awaitable<void> frame_channel::wait_for_room([[maybe_unused]] std::shared_ptr<frame_channel> self) {
    ++waiters_;
    while (is_open_ && !has_room()) {
        co_await room_.wait();
        auto cancellation = co_await asio::this_coro::cancellation_state;
        if (cancellation.cancelled() != asio::cancellation_type::none) break;
    }
    --waiters_;
}

awaitable<result<void>> frame_channel::wait_until_flushed([[maybe_unused]] std::shared_ptr<frame_channel> self) {
    auto mark = queued_total_;
    bool is_cancelled = false;
    ++waiters_;
    while (is_open_ && sent_total_ < mark && !is_cancelled) {
        co_await room_.wait();
        auto cancellation = co_await asio::this_coro::cancellation_state;
        is_cancelled = cancellation.cancelled() != asio::cancellation_type::none;
    }
    --waiters_;
    if (sent_total_ >= mark) co_return result<void>();
    if (is_cancelled) co_return error(errc::cancelled);
    co_return error(errc::unavailable, "connection closed");
}

void frame_channel::close(const error_code& why) noexcept {
    if (!is_open_) return;
    auto self = weak_from_this().lock();
    is_open_ = false;
    deadlines_.clear(*this);
    error_code ignored;
    socket_.close(ignored);
    output_ = {};
    sent_ = 0;
    room_.notify_all();
    on_closed(why);
}

}  // namespace vminit::ttrpc
