// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/message_lite.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/metadata.hpp"
#include "vminit/ttrpc/method.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::ttrpc {

/// Failures of the client itself, as opposed to statuses the server answered with.
enum class client_errc {
    closed = 1,      ///< "ttrpc: closed": the connection is gone; reconnect or give up. Its common class is unavailable.
    stream_closed,   ///< "ttrpc: stream closed": sending after the half-close. failed_precondition.
    protocol,        ///< "ttrpc: protocol error": the server's frame makes no sense here. internal.
    stream_full,     ///< "ttrpc: stream buffer full": the stream was not read; only it has failed. resource_exhausted.
};

const boost::system::error_category& client_category() noexcept;

inline error_code make_error_code(client_errc value) noexcept {
    return error_code(static_cast<int>(value), client_category());
}

/// What a call is made with. None of it: no time limit, no metadata.
struct call_options {
    call_options() = default;
    call_options(clock::duration timeout) : timeout(timeout) {}

    /// After it the call fails locally with deadline_exceeded; the server is told the same limit.
    std::optional<clock::duration> timeout;
    ttrpc::metadata metadata;
};

/// What a client grants its server, and its own callers.
struct client_limits {
    /// For the reader of a stream with 1024 messages or 8 MiB unread to take one. Meanwhile the connection is not read,
    /// since ttrpc has no flow control of its own; then the stream fails with stream_full.
    clock::duration reader_patience = std::chrono::milliseconds(150);

    /// Unsent bytes beyond which a further Request fails with resource_exhausted; one alone always goes.
    std::size_t unsent_bytes = std::size_t{64} << 20;
};

class client_connection;
class client_stream;

/// One stream of a client, untyped. Move-only. Dropping it abandons the stream (ttrpc cannot cancel on the wire): what waits
/// in `receive`, `send` or `finish` fails with stream_closed.
class stream_handle {
public:
    explicit stream_handle(std::shared_ptr<client_stream> stream) noexcept;
    stream_handle(stream_handle&&) noexcept;
    stream_handle& operator=(stream_handle&&) noexcept;
    ~stream_handle();

    /// `message` lives until it returns. False at the end.
    awaitable<result<bool>> receive(google::protobuf::MessageLite& message);
    awaitable<result<void>> send(std::string message);
    result<void> close_send();
    awaitable<result<void>> finish(google::protobuf::MessageLite& response);

private:
    std::shared_ptr<client_stream> stream_;
};

/// A ttrpc client on one connection. Any number of calls at a time; use from the context's thread.
///
/// Move-only. Destroying or closing it fails what is pending with `client_errc::closed`.
class client {
public:
    /// Starts reading at once. `log` outlives the connection.
    client(stream_socket socket, logger& log, client_limits limits = {});
    client(client&&) noexcept;
    client& operator=(client&&) noexcept;
    ~client();

    /// A unary call. Errors: the server's status as an `error` of that class; client_errc::closed when the connection is
    /// lost; deadline_exceeded at the timeout; resource_exhausted when either message exceeds 4 MiB or too much is unsent;
    /// cancelled.
    /// `request` and `response` live until it returns.
    awaitable<result<void>> call(std::string_view service, std::string_view method,
                                 const google::protobuf::MessageLite& request, google::protobuf::MessageLite& response,
                                 call_options options);

    /// Opens a stream; `request` is what a server-streaming method is asked. For methods with client streaming it is null
    /// or the first message, sent along with the Request.
    result<stream_handle> open_stream(std::string_view service, std::string_view method, method_kind kind,
                                      const google::protobuf::MessageLite* request, call_options options);

    bool is_open() const noexcept;

    /// Why the connection ended, once it has: client_errc::closed with the reason as context.
    std::optional<error> failure() const;

    /// Called once when the connection ends, however it ends; at once if it has. There may be several hooks, called in the
    /// order they came in. What one throws is logged.
    void on_close(std::function<void()> hook);

    /// Closes the connection. Idempotent.
    void close();

    /// Returns when the connection has ended and its coroutines are gone.
    awaitable<void> join();

private:
    std::shared_ptr<client_connection> connection_;
};

/// The responses of a server-streaming call.
template <class Response>
class receive_stream {
public:
    explicit receive_stream(stream_handle stream) : stream_(std::move(stream)) {}

    /// The next message; `nullopt` at the end. What arrived before the connection was lost is still delivered.
    awaitable<result<std::optional<Response>>> read() {
        std::optional<Response> message(std::in_place);
        auto received = co_await stream_.receive(*message);
        if (!received) co_return received.error();
        if (!*received) message.reset();
        co_return std::move(message);
    }

protected:
    stream_handle stream_;
};

/// A call with many requests and many responses.
template <class Request, class Response>
class duplex_stream : public receive_stream<Response> {
public:
    using receive_stream<Response>::receive_stream;

    /// Queues a message; waits while the server does not read. Errors: stream_closed after `close_send`, closed; cancelled,
    /// and then it is not sent.
    awaitable<result<void>> write(const Request& message) { return this->stream_.send(message.SerializeAsString()); }

    /// Tells the server that there will be no more.
    result<void> close_send() { return this->stream_.close_send(); }
};

/// A call with many requests and one response.
template <class Request, class Response>
class send_stream {
public:
    explicit send_stream(stream_handle stream) : stream_(std::move(stream)) {}

    awaitable<result<void>> write(const Request& message) { return stream_.send(message.SerializeAsString()); }

    /// Tells the server that there will be no more and waits for its answer.
    awaitable<result<Response>> finish() {
        Response response;
        auto finished = co_await stream_.finish(response);
        if (!finished) co_return finished.error();
        co_return std::move(response);
    }

private:
    stream_handle stream_;
};

// What generated client code is made of.

template <class Request, class Response>
awaitable<result<Response>> call_unary(client& peer, std::string_view service, std::string_view method, Request request,
                                       call_options options) {
    Response response;
    auto done = co_await peer.call(service, method, request, response, std::move(options));
    if (!done) co_return done.error();
    co_return std::move(response);
}

template <class Stream>
result<Stream> open_typed_stream(client& peer, std::string_view service, std::string_view method, method_kind kind,
                                 const google::protobuf::MessageLite* request, call_options options) {
    auto opened = peer.open_stream(service, method, kind, request, std::move(options));
    if (!opened) return opened.error();
    return Stream(std::move(*opened));
}

}  // namespace vminit::ttrpc

namespace boost::system {
template <>
struct is_error_code_enum<vminit::ttrpc::client_errc> : std::true_type {};
}  // namespace boost::system
