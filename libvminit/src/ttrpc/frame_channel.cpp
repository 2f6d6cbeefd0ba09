// SPDX-License-Identifier: Apache-2.0
#include "ttrpc/frame_channel.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "ttrpc/envelope.hpp"
#include "vminit/core/stream_send.hpp"

namespace vminit::ttrpc {

namespace {

// What an idle channel keeps of its output buffer.
constexpr std::size_t kept_output = 4096;

}  // namespace

frame_channel::frame_channel(stream_socket socket, deadline_queue& deadlines, const channel_limits& limits)
    : socket_(std::move(socket)),
      largest_send_(largest_send(socket_.native_handle())),
      deadlines_(deadlines),
      limits_(limits),
      partial_(SIZE_MAX, limits.all_frames),
      reading_alarm_(*this, &frame_channel::on_reading_alarm),
      unsent_(limits.output_bytes, limits.all_output),
      writing_alarm_(*this, &frame_channel::on_writing_alarm),
      progress_(socket_.get_executor()) {}

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
            while (is_open_ && must_hold_back()) {
                stop_timing_frame();
                co_await wait_for_progress(self);
            }
            std::string_view input;
            if (!read_some(scratch, input)) continue;
            for (auto reached = handle(input); reached != progress::done; reached = handle(input)) {
                // The scratch buffer is other channels' too as soon as they have their turn.
                if (rest.empty()) {
                    rest = input;
                    input = rest;
                }
                bool must_wait = reached == progress::refused || (reached == progress::full && must_hold_back());
                if (must_wait) {
                    co_await wait_for_progress(self);
                } else {
                    co_await asio::post(use_awaitable);
                }
            }
            rest = {};
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
    is_handling_ = true;
    auto reached = handle_frames(input);
    is_handling_ = false;
    if (!is_open_) return progress::done;
    watch_frame(reached);
    flush();
    return reached;
}

frame_channel::progress frame_channel::handle_frames(std::string_view& input) {
    if (refused_ && !offer_again()) return progress::refused;
    for (unsigned handled = 0; is_open_ && !input.empty(); ++handled) {
        if (must_hold_back()) return progress::full;
        if (handled == frames_per_turn) return progress::turn;
        frame incoming;
        auto found = decoder_.next(input, incoming);
        if (found == frame_decoder::outcome::need_more) break;
        is_timing_frame_ = false;
        if (found == frame_decoder::outcome::excessive) close(asio::error::message_size);
        if (found == frame_decoder::outcome::oversize) on_skipped(incoming.header);
        if (found == frame_decoder::outcome::frame && !offer(incoming)) return progress::refused;
    }
    return progress::done;
}

bool frame_channel::offer(const frame& incoming) {
    if (on_frame(incoming, patience::left)) return true;
    if (!partial_.fits(incoming.data.size())) return on_frame(incoming, patience::over);
    refused_.emplace();
    refused_->header = incoming.header;
    refused_->data = incoming.data;
    patience_ = patience::left;
    deadlines_.set(reading_alarm_, time_after(clock::now(), limits_.reader_patience));
    return false;
}

bool frame_channel::offer_again() {
    frame again{refused_->header, refused_->data};
    if (!on_frame(again, patience_)) return false;
    refused_.reset();
    deadlines_.clear(reading_alarm_);
    return true;
}

// Time in which we do not read is not the peer's.
void frame_channel::watch_frame(progress reached) {
    auto held = decoder_.is_inside_frame() ? decoder_.held() : 0;
    if (held > partial_.used() && !partial_.fits(held - partial_.used())) {
        decoder_.abandon();
        held = decoder_.held();
    }
    partial_.set(held + (refused_ ? refused_->data.size() : 0));
    if (refused_) return;
    if (reached != progress::done || !decoder_.is_inside_frame()) return stop_timing_frame();
    if (is_timing_frame_) return;
    is_timing_frame_ = true;
    deadlines_.set(reading_alarm_, time_after(clock::now(), limits_.frame_time));
}

void frame_channel::stop_timing_frame() {
    is_timing_frame_ = false;
    deadlines_.clear(reading_alarm_);
}

void frame_channel::on_reading_alarm() {
    if (!refused_) return close(asio::error::timed_out);
    patience_ = patience::over;
    wake();
}

char* frame_channel::put_header(message_type type, std::uint32_t stream_id, std::uint8_t flags, std::size_t length) {
    auto at = output_.size();
    output_.resize(at + frame_header_size + length);
    queued_total_ += frame_header_size + length;
    unsent_.take(frame_header_size + length);
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

frame_channel::put_outcome frame_channel::put_response(std::uint32_t stream_id,
                                                       const google::protobuf::MessageLite& message,
                                                       std::uint64_t& size) {
    char* target = nullptr;
    auto outcome = begin_response(stream_id, message.ByteSizeLong(), size, target);
    if (target != nullptr) message.SerializeWithCachedSizesToArray(reinterpret_cast<std::uint8_t*>(target));
    return outcome;
}

frame_channel::put_outcome frame_channel::put_response(std::uint32_t stream_id, std::string_view message,
                                                       std::uint64_t& size) {
    char* target = nullptr;
    auto outcome = begin_response(stream_id, message.size(), size, target);
    if (target != nullptr) message.copy(target, message.size());
    return outcome;
}

frame_channel::put_outcome frame_channel::begin_response(std::uint32_t stream_id, std::size_t payload,
                                                         std::uint64_t& size, char*& target) {
    auto prefix = response_prefix(payload);
    size = prefix.size() + payload;
    if (size > max_frame_data) return put_outcome::too_large;
    if (!has_room_for(size)) return put_outcome::no_room;
    if (!is_open_) return put_outcome::queued;
    auto* data = put_header(message_type::response, stream_id, 0, prefix.size() + payload);
    prefix.copy(data, prefix.size());
    target = data + prefix.size();
    return put_outcome::queued;
}

void frame_channel::schedule_flush() {
    // While frames are handled, one flush after the batch does for all.
    if (is_handling_ || is_flush_scheduled_ || is_waiting_for_writable_ || !is_open_) return;
    is_flush_scheduled_ = true;
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->is_flush_scheduled_ = false;
        self->flush();
    });
}

void frame_channel::flush() {
    if (!is_open_ || is_waiting_for_writable_ || send_queued() || !is_open_) return;
    is_waiting_for_writable_ = true;
    socket_.async_wait(stream_socket::wait_write, [self = shared_from_this()](error_code failure) {
        self->is_waiting_for_writable_ = false;
        if (failure) return self->close(failure);
        self->flush();
    });
}

// True when nothing is left to send.
bool frame_channel::send_queued() {
    auto before = sent_total_;
    while (pending() != 0) {
        error_code failure;
        auto count =
            socket_.write_some(asio::buffer(output_.data() + sent_, std::min(pending(), largest_send_)), failure);
        if (failure == asio::error::would_block) {
            if (before != sent_total_ || !is_timing_output_) time_output();
            return false;
        }
        if (failure) {
            close(failure);
            return false;
        }
        drop_sent(count);
    }
    is_timing_output_ = false;
    deadlines_.clear(writing_alarm_);
    on_flushed();
    return true;
}

void frame_channel::time_output() {
    is_timing_output_ = true;
    deadlines_.set(writing_alarm_, time_after(clock::now(), limits_.write_time));
}

// The peer may have taken something while nobody looked: a VM that was paused wakes with all its alarms due.
void frame_channel::on_writing_alarm() {
    auto before = sent_total_;
    is_timing_output_ = false;
    if (!send_queued() && is_open_ && sent_total_ == before) close(asio::error::timed_out);
}

void frame_channel::drop_sent(std::size_t count) {
    sent_ += count;
    sent_total_ += count;
    unsent_.give(count);
    if (sent_ == output_.size()) {
        output_.clear();
        sent_ = 0;
        if (output_.capacity() > kept_output) output_.shrink_to_fit();
    } else if (sent_ >= high_water) {
        output_.erase(0, sent_);
        sent_ = 0;
    }
    wake();
}

void frame_channel::wake() noexcept {
    if (waiters_ != 0) progress_.notify_all();
}

awaitable<bool> frame_channel::wait_for_progress([[maybe_unused]] std::shared_ptr<frame_channel> self) {
    ++waiters_;
    bool goes_on = co_await progress_.wait();
    --waiters_;
    co_return goes_on;
}

awaitable<result<void>> frame_channel::wait_until_flushed(std::shared_ptr<frame_channel> self) {
    auto mark = queued_total_;
    while (is_open_ && sent_total_ < mark) {
        bool goes_on = co_await wait_for_progress(self);
        if (!goes_on && sent_total_ < mark) co_return error(errc::cancelled);
    }
    if (sent_total_ >= mark) co_return result<void>();
    co_return error(errc::unavailable, "connection closed");
}

void frame_channel::close(const error_code& why) noexcept {
    if (!is_open_) return;
    auto self = weak_from_this().lock();
    is_open_ = false;
    deadlines_.clear(reading_alarm_);
    deadlines_.clear(writing_alarm_);
    error_code ignored;
    socket_.close(ignored);
    output_ = {};
    sent_ = 0;
    unsent_.set(0);
    partial_.set(0);
    wake();
    on_closed(why);
}

}  // namespace vminit::ttrpc
