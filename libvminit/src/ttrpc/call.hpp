// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ttrpc/deadline_queue.hpp"
#include "ttrpc/method_registry.hpp"
#include "ttrpc/server_core.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/ttrpc/frame.hpp"
#include "vminit/ttrpc/status.hpp"

namespace vminit::ttrpc {

class server_connection;
struct request_view;

/// One call from its Request to the return of its handler, which may come after its terminal frame: then the call is over
/// for the peer, and what the handler still sends is dropped.
class call final : public server_call,
                   private call_context,
                   private message_source,
                   private message_sink,
                   private deadline,
                   public std::enable_shared_from_this<call> {
public:
    /// Input a stream may hold unread. A handler that is merely slow is waited for first, `server_limits::reader_patience`.
    static constexpr std::size_t max_queued_messages = 1024;
    static constexpr std::size_t max_queued_bytes = std::size_t{4} << 20;  ///< or one message, whatever its size

    /// What a queued message takes besides its bytes.
    static constexpr std::size_t message_overhead = 64;

    call(server_connection& connection, server_core& core, method_entry method, std::uint32_t stream_id);
    ~call();

    /// Runs the handler up to its first suspension. `request` is borrowed for that long.
    void start(const request_view& request, const frame_header& header);

    std::uint32_t stream_id() const noexcept { return stream_id_; }
    method_kind kind() const noexcept { return method_.info().kind; }

    /// Puts its beginning into its method's metrics if it is the oldest so far.
    void note_age() const noexcept;

    bool is_input_closed() const noexcept { return is_input_closed_; }
    bool has_input_room(std::size_t size) const noexcept;  // while the call has not ended
    void add_input(std::string_view message);
    void close_input();

    // Ways to end, each at most once and only the first of them; the terminal frame is sent, or nobody is left to take it:
    //
    //     reply            the handler has answered a unary or client-streaming call
    //     handler_returned it has ended a stream, or failed; also the end of the handler in every other case
    //     abort            the protocol or the deadline ends it; the handler is cancelled
    //     lose             the connection is gone; the handler is cancelled
    //     drop             the context goes down; nothing is touched any more

    /// Sends `outcome` as the terminal frame and cancels the handler.
    void abort(const status& outcome);

    /// The connection is gone: as `abort`, without a frame.
    void lose() noexcept;

    /// For a context that goes down: forgets the connection.
    void drop() noexcept { connection_ = nullptr; }

private:
    struct stream_input {
        explicit stream_input(executor ex) : changed(ex) {}
        std::deque<std::string> messages;
        std::size_t bytes = 0;
        condition changed;
    };

    // What the adapters of generated code use.
    call_context& context() noexcept override { return *this; }
    result<void> decode(google::protobuf::MessageLite& request) override;
    result<void> reply(const google::protobuf::MessageLite& response) override;
    result<void> reply(const serialized& response) override;
    template <class Response>
    result<void> put_reply(const Response& response);
    message_source& input() noexcept override { return *this; }
    message_sink& output() noexcept override { return *this; }
    awaitable<result<bool>> receive(google::protobuf::MessageLite& message) override;
    awaitable<result<void>> send(std::string message) override;
    awaitable<result<void>> flushed() override;

    static awaitable<void> run(std::shared_ptr<call> self);
    void handler_returned(const result<void>& outcome);
    void on_deadline() override;
    void adopt_request(const request_view& request);
    void end(bool is_success) noexcept;
    void discard_input() noexcept;
    void cancel() noexcept;
    bool takes_input() const noexcept { return kind() == method_kind::client_stream || kind() == method_kind::bidi; }

    server_connection* connection_;  // null once ended
    server_core& core_;
    method_entry method_;
    std::uint32_t stream_id_;
    clock::time_point began_;
    std::size_t request_bytes_ = 0;
    task_handle task_;

    std::string_view payload_;   // borrowed from the frame during start()
    std::string owned_payload_;  // only if the handler has not decoded by then
    bool is_decoded_ = false;
    bool is_input_closed_ = false;
    std::optional<stream_input> stream_;  // for methods with client streaming
};

}  // namespace vminit::ttrpc
