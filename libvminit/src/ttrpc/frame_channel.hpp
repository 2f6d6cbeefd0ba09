#pragma once

#include <google/protobuf/message_lite.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "ttrpc/deadline_queue.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/frame_codec.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::ttrpc {

/// Frames over a socket, for either side: one coroutine reads many frames with one system call, what is queued goes out
/// with one. An idle channel holds no buffers. Owned by shared pointers.
class frame_channel : public std::enable_shared_from_this<frame_channel>, private deadline {
public:
    /// Queued bytes from which on nothing more is read and stream writers wait: a peer that does not take its answers gets
    /// no further service. Twice what a socket buffer holds.
    static constexpr std::size_t high_water = std::size_t{1} << 20;

    /// Frames handled before other work gets a turn of the loop.
    static constexpr unsigned frames_per_turn = 64;

    /// A peer that stops in the middle of a frame holds memory for nothing.
    static constexpr clock::duration stall_limit = std::chrono::seconds(60);

    /// `deadlines` outlives the channel.
    frame_channel(stream_socket socket, deadline_queue& deadlines);
    virtual ~frame_channel();

    /// Reads until the connection ends or is closed. `scratch` may be shared by all channels of a context.
    awaitable<void> read_frames(std::shared_ptr<frame_channel> self, std::span<char> scratch);

    /// Queues a frame; `data` is at most `max_frame_data`. Nothing happens once closed.
    void put(message_type type, std::uint32_t stream_id, std::uint8_t flags, std::string_view data);

    /// Queues a Response that carries `message`. False, and nothing queued, when it exceeds `max_frame_data`;
    /// `size` then says what it would have been.
    bool put_response(std::uint32_t stream_id, const google::protobuf::MessageLite& message, std::uint64_t& size);

    /// Sends at the end of this turn of the loop what has been queued.
    void schedule_flush();

    executor get_executor() { return socket_.get_executor(); }
    bool is_open() const noexcept { return is_open_; }
    bool has_room() const noexcept { return pending() < high_water; }
    bool is_flushed() const noexcept { return pending() == 0; }
    std::uint64_t discarded() const noexcept { return decoder_.discarded(); }

    /// Returns when there is room or the channel is closed.
    awaitable<void> wait_for_room(std::shared_ptr<frame_channel> self);

    /// Returns when all that is queued now is with the kernel. Errors: unavailable when it is closed first.
    awaitable<result<void>> wait_until_flushed(std::shared_ptr<frame_channel> self);

    /// Ends the connection; what is queued is lost. `why` goes to `on_closed`. Idempotent.
    void close(const error_code& why) noexcept;

protected:
    /// False: cannot be taken now, offer it again after other work had a turn. `attempt` counts from 0.
    virtual bool on_frame(const frame& incoming, unsigned attempt) = 0;
    virtual void on_oversize(const frame_header& header) = 0;
    virtual void on_flushed() = 0;
    virtual void on_closed(const error_code& why) noexcept = 0;

private:
    enum class progress { done, later };

    progress handle(std::string_view& input);
    bool offer(const frame& incoming);
    bool read_some(std::span<char> scratch, std::string_view& input);
    void watch_for_stall();
    void on_deadline() override;

    std::size_t pending() const noexcept { return output_.size() - sent_; }
    char* put_header(message_type type, std::uint32_t stream_id, std::uint8_t flags, std::size_t length);
    void flush();
    void flush_when_writable();
    void drop_sent(std::size_t count);

    stream_socket socket_;
    deadline_queue& deadlines_;
    frame_decoder decoder_;
    frame_header stalled_header_;
    std::string stalled_data_;
    unsigned stalled_attempts_ = 0;  // 0: no frame is waiting to be offered again

    std::string output_;
    std::size_t sent_ = 0;
    std::uint64_t queued_total_ = 0;
    std::uint64_t sent_total_ = 0;
    condition room_;
    unsigned waiters_ = 0;
    bool is_open_ = true;
    bool is_reading_ = false;
    bool is_flush_scheduled_ = false;
    bool is_waiting_for_writable_ = false;
};

}  // namespace vminit::ttrpc
