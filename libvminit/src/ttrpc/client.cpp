// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/client.hpp"

#include "ttrpc/client_connection.hpp"
#include "ttrpc/envelope.hpp"

namespace vminit::ttrpc {

namespace {

class client_error_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "vminit.ttrpc.client"; }

    std::string message(int value) const override {
        switch (static_cast<client_errc>(value)) {
            case client_errc::closed: return "ttrpc: closed";
            case client_errc::stream_closed: return "ttrpc: stream closed";
            case client_errc::protocol: return "ttrpc: protocol error";
            case client_errc::stream_full: return "ttrpc: stream buffer full";
        }
        return "ttrpc: unknown";
    }

    boost::system::error_condition default_error_condition(int value) const noexcept override {
        return {static_cast<int>(class_of(static_cast<client_errc>(value))), common_category()};
    }

private:
    static errc class_of(client_errc value) noexcept {
        switch (value) {
            case client_errc::closed: return errc::unavailable;
            case client_errc::stream_closed: return errc::failed_precondition;
            case client_errc::protocol: return errc::internal;
            case client_errc::stream_full: return errc::resource_exhausted;
        }
        return errc::unknown;
    }
};

request_parts parts_of(std::string_view service, std::string_view method, const std::string& payload,
                       const call_options& options) {
    request_parts parts;
    parts.service = service;
    parts.method = method;
    parts.payload = payload;
    parts.timeout_nano = options.timeout ? options.timeout->count() : 0;
    parts.metadata = &options.metadata;
    return parts;
}

}  // namespace

const boost::system::error_category& client_category() noexcept {
    static const client_error_category category;
    return category;
}

client::client(stream_socket socket, logger& log, client_limits limits)
    : connection_(std::make_shared<client_connection>(std::move(socket), log, limits)) {
    connection_->start();
}

client::client(client&&) noexcept = default;

client& client::operator=(client&& other) noexcept {
    if (this == &other) return *this;
    close();
    connection_ = std::move(other.connection_);
    return *this;
}

client::~client() { close(); }

awaitable<result<void>> client::call(std::string_view service, std::string_view method,
                                     const google::protobuf::MessageLite& request,
                                     google::protobuf::MessageLite& response, call_options options) {
    client_stream stream(connection_, method_kind::unary);
    auto payload = request.SerializeAsString();
    auto started = stream.start(parts_of(service, method, payload, options), options, 0);
    if (!started) co_return started.error();
    payload = {};
    co_return co_await stream.wait_for_response(nullptr, response);
}

result<stream_handle> client::open_stream(std::string_view service, std::string_view method, method_kind kind,
                                          const google::protobuf::MessageLite* request, call_options options) {
    auto stream = std::make_shared<client_stream>(connection_, kind);
    auto payload = request == nullptr ? std::string() : request->SerializeAsString();
    std::uint8_t flags = kind == method_kind::server_stream ? frame_flag::remote_closed : frame_flag::remote_open;
    // A Rust server makes a message of every payload, an empty one too, unless it is told that there is none.
    if (request == nullptr) flags |= frame_flag::no_data;
    auto started = stream->start(parts_of(service, method, payload, options), options, flags);
    if (!started) return started.error();
    return stream_handle(std::move(stream));
}

bool client::is_open() const noexcept { return connection_ && connection_->is_open(); }

std::optional<error> client::failure() const { return connection_->failure(); }

void client::on_close(std::function<void()> hook) { connection_->on_close(std::move(hook)); }

void client::close() {
    if (connection_) connection_->close(asio::error::operation_aborted);
}

awaitable<void> client::join() { return connection_->join(); }

stream_handle::stream_handle(std::shared_ptr<client_stream> stream) noexcept : stream_(std::move(stream)) {}
stream_handle::stream_handle(stream_handle&&) noexcept = default;
stream_handle& stream_handle::operator=(stream_handle&& other) noexcept {
    if (this == &other) return *this;
    if (stream_) stream_->abandon();
    stream_ = std::move(other.stream_);
    return *this;
}
stream_handle::~stream_handle() {
    if (stream_) stream_->abandon();
}

awaitable<result<bool>> stream_handle::receive(google::protobuf::MessageLite& message) {
    return stream_->receive(stream_, message);
}

awaitable<result<void>> stream_handle::send(std::string message) { return stream_->send(stream_, std::move(message)); }

result<void> stream_handle::close_send() { return stream_->close_send(); }

awaitable<result<void>> stream_handle::finish(google::protobuf::MessageLite& response) {
    auto stream = stream_;
    // Closed before, or the server was faster: either way the answer is what counts.
    [[maybe_unused]] auto closed = stream->close_send();
    co_return co_await stream->wait_for_response(stream, response);
}

}  // namespace vminit::ttrpc
