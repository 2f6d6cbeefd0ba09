// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ttrpc/deadline_queue.hpp"
#include "ttrpc/frame_channel.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/client.hpp"

namespace vminit::ttrpc {

class client_stream;
struct request_parts;

/// One connection of a client: hands out stream ids, sends, and routes what comes to the streams.
class client_connection final : public frame_channel {
public:
    client_connection(stream_socket socket, logger& log, const client_limits& limits);

    void start();

    /// Sends the Request of `stream` under the next id. Errors: client_errc::closed, resource_exhausted for a Request that
    /// exceeds a frame or the bound on unsent bytes, unavailable when the ids of this connection are used up.
    result<void> open(client_stream& stream, const request_parts& request, std::uint8_t flags);
    void forget(std::uint32_t stream_id) noexcept { streams_.erase(stream_id); }

    deadline_queue& deadlines() noexcept { return deadlines_; }
    const std::optional<error>& failure() const noexcept { return failure_; }
    void on_close(std::function<void()> hook);
    awaitable<void> join() { return tasks_.join(); }

private:
    bool on_frame(const frame& incoming, patience reader) override;
    void on_skipped(const frame_header& header) override;
    void on_flushed() override {}
    void on_closed(const error_code& why) noexcept override;
    void call_hook(const std::function<void()>& hook) noexcept;
    client_stream* find(std::uint32_t stream_id) noexcept;

    deadline_queue deadlines_;
    logger& log_;
    std::size_t max_unsent_;
    std::uint64_t next_id_ = 1;  // wide enough to see that 32 bits are used up
    std::map<std::uint32_t, client_stream*> streams_;
    std::optional<error> failure_;
    std::vector<std::function<void()>> close_hooks_;
    std::array<char, std::size_t{16} * 1024> scratch_;
    task_group tasks_;
};

/// One call of a client, of any kind, until its owner lets go of it.
class client_stream final : private deadline {
public:
    /// Messages a stream may hold unread; a reader that is merely slow is waited for first.
    static constexpr std::size_t max_queued_messages = 1024;
    static constexpr std::size_t max_queued_bytes = std::size_t{8} << 20;

    client_stream(std::shared_ptr<client_connection> connection, method_kind kind);
    ~client_stream();

    result<void> start(const request_parts& request, const call_options& options, std::uint8_t flags);

    // `self` keeps the stream for as long as these take; null where the caller does.

    /// The one response of a unary or client-streaming call.
    awaitable<result<void>> wait_for_response(std::shared_ptr<client_stream> self,
                                              google::protobuf::MessageLite& response);
    awaitable<result<bool>> receive(std::shared_ptr<client_stream> self, google::protobuf::MessageLite& message);
    awaitable<result<void>> send(std::shared_ptr<client_stream> self, std::string message);
    result<void> close_send();

    /// Nobody wants it any more: fails what waits.
    void abandon() noexcept;

    // For the connection.

    void opened(std::uint32_t stream_id) noexcept { stream_id_ = stream_id; }
    using patience = frame_channel::patience;
    bool take(const frame& incoming, patience reader);
    void fail(error failure);

private:
    void on_deadline() override;
    bool take_data(const frame& incoming, patience reader);
    bool take_response(const frame& incoming, patience reader);
    bool queue(std::string_view message, patience reader);
    void finish();
    bool answers_once() const noexcept { return kind_ == method_kind::unary || kind_ == method_kind::client_stream; }

    std::shared_ptr<client_connection> connection_;
    method_kind kind_;
    std::uint32_t stream_id_ = 0;  // 0: not opened, or forgotten by the connection
    std::deque<std::string> queue_;
    std::size_t queued_bytes_ = 0;
    std::optional<error> failure_;
    bool is_over_ = false;        // the server has sent its last, or we have given up
    bool is_send_closed_ = false;
    condition changed_;
};

}  // namespace vminit::ttrpc
