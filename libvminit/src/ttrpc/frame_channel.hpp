// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ttrpc/byte_budget.hpp"
#include "ttrpc/deadline_queue.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/frame_codec.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::ttrpc {

/// What a channel grants its peer.
struct channel_limits {
    /// A server reads nothing while its output is full: who does not take answers gets no further service. A client always
    /// reads, or two such ends could wait for each other for good.
    bool reads_while_full = false;
    std::size_t output_bytes = 0;          ///< unsent, beyond which large responses are refused
    byte_budget* all_output = nullptr;     ///< what these bytes are part of; may be null, else outlives the channel
    byte_budget* all_frames = nullptr;     ///< likewise of frames that are not whole yet
    clock::duration frame_time{};          ///< from a frame's first byte to its last
    clock::duration write_time{};          ///< without the peer taking a byte
    clock::duration reader_patience{};     ///< for a stream's reader to make room for the next frame
};

/// Frames over a socket, for either side: one coroutine reads many frames with one system call, what is queued goes out
/// with one. An idle channel holds no buffers. Owned by shared pointers.
///
/// The reading coroutine is in one of these states; `progress` is how it comes from the first to the others:
///
///     waiting for bytes -> handling frames -> done: waiting for bytes
///                                          -> turn: others have theirs, then handling goes on
///                                          -> full: until the peer has taken output (servers)
///                                          -> refused: one frame is kept until its reader has room or patience ends
class frame_channel : public std::enable_shared_from_this<frame_channel> {
public:
    /// Queued bytes from which on stream writers wait and a server reads no more. Twice what a socket buffer holds.
    static constexpr std::size_t high_water = std::size_t{1} << 20;

    /// Frames handled before other work gets a turn of the loop.
    static constexpr unsigned frames_per_turn = 64;

    /// Frames up to this size are queued beyond every bound: each ends a call, whose number is bounded, or is an event.
    static constexpr std::size_t small_frame = 4096;

    /// `deadlines` outlives the channel.
    frame_channel(stream_socket socket, deadline_queue& deadlines, const channel_limits& limits);
    virtual ~frame_channel();

    /// Reads until the connection ends or is closed. `scratch` may be shared by all channels of a context.
    awaitable<void> read_frames(std::shared_ptr<frame_channel> self, std::span<char> scratch);

    /// Queues a frame; `data` is at most `max_frame_data`. Nothing happens once closed.
    void put(message_type type, std::uint32_t stream_id, std::uint8_t flags, std::string_view data);

    enum class put_outcome { queued, too_large, no_room };

    /// Queues a Response that carries `message`, or what one has been serialized to, unless it exceeds `max_frame_data`
    /// or is neither small nor within the bounds on unsent output. `size` is that of its data.
    put_outcome put_response(std::uint32_t stream_id, const google::protobuf::MessageLite& message, std::uint64_t& size);
    put_outcome put_response(std::uint32_t stream_id, std::string_view message, std::uint64_t& size);

    /// Sends at the end of this turn of the loop what has been queued.
    void schedule_flush();

    executor get_executor() { return socket_.get_executor(); }
    bool is_open() const noexcept { return is_open_; }
    bool has_room() const noexcept { return pending() < high_water; }
    bool has_room_for(std::size_t size) const noexcept { return size <= small_frame || unsent_.fits(size); }
    bool is_flushed() const noexcept { return pending() == 0; }
    std::size_t pending() const noexcept { return output_.size() - sent_; }

    /// Returns when the peer has taken some output, `wake` was called or the channel is closed; also spuriously. False if
    /// the caller has been cancelled.
    awaitable<bool> wait_for_progress(std::shared_ptr<frame_channel> self);

    /// Ends every `wait_for_progress`.
    void wake() noexcept;

    /// A stream's reader has taken a message: a refused frame is offered again.
    void resume_reading() noexcept {
        if (refused_) wake();
    }

    /// Returns when all that is queued now is with the kernel. Errors: unavailable when it is closed first; cancelled.
    awaitable<result<void>> wait_until_flushed(std::shared_ptr<frame_channel> self);

    /// Ends the connection; what is queued is lost. `why` goes to `on_closed`. Idempotent.
    void close(const error_code& why) noexcept;

    enum class patience { left, over };

protected:
    /// False, only with patience left: its reader has no room, offer it again when it has.
    virtual bool on_frame(const frame& incoming, patience reader) = 0;

    /// A frame has been skipped, because it announced too much or there was no room for it.
    virtual void on_skipped(const frame_header& header) = 0;
    virtual void on_flushed() = 0;
    virtual void on_closed(const error_code& why) noexcept = 0;

private:
    // Calls a function of the channel at its time.
    class alarm final : public deadline {
    public:
        using action = void (frame_channel::*)();
        alarm(frame_channel& owner, action at_time) noexcept : owner_(owner), at_time_(at_time) {}
        void on_deadline() override { (owner_.*at_time_)(); }

    private:
        frame_channel& owner_;
        action at_time_;
    };

    struct kept_frame {
        frame_header header;
        std::string data;
    };

    enum class progress { done, turn, full, refused };

    progress handle(std::string_view& input);
    progress handle_frames(std::string_view& input);
    bool offer(const frame& incoming);
    bool offer_again();
    bool read_some(std::span<char> scratch, std::string_view& input);
    bool must_hold_back() const noexcept { return !limits_.reads_while_full && !has_room(); }
    void watch_frame(progress reached);
    void stop_timing_frame();
    void on_reading_alarm();
    void time_output();
    void on_writing_alarm();

    // Where to write the `payload` bytes of a Response, or null when they are not wanted.
    put_outcome begin_response(std::uint32_t stream_id, std::size_t payload, std::uint64_t& size, char*& target);
    char* put_header(message_type type, std::uint32_t stream_id, std::uint8_t flags, std::size_t length);
    void flush();
    bool send_queued();
    void drop_sent(std::size_t count);

    stream_socket socket_;
    std::size_t largest_send_;
    deadline_queue& deadlines_;
    channel_limits limits_;

    frame_decoder decoder_;
    byte_budget partial_;      // what the decoder holds of a frame
    alarm reading_alarm_;      // of the frame that is not whole, or of a refused frame
    bool is_timing_frame_ = false;
    std::optional<kept_frame> refused_;
    patience patience_ = patience::left;

    std::string output_;
    std::size_t sent_ = 0;
    byte_budget unsent_;
    alarm writing_alarm_;
    std::uint64_t queued_total_ = 0;
    std::uint64_t sent_total_ = 0;
    bool is_timing_output_ = false;

    condition progress_;
    unsigned waiters_ = 0;
    bool is_open_ = true;
    bool is_handling_ = false;
    bool is_flush_scheduled_ = false;
    bool is_waiting_for_writable_ = false;
};

}  // namespace vminit::ttrpc
