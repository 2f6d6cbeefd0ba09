// SPDX-License-Identifier: Apache-2.0
#include "transfer_stream.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "github.com/containerd/containerd/api/types/transfer/streaming.pb.h"
#include "google/protobuf/any.pb.h"
#include "vminit/core/stream_send.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::api {

namespace {

namespace wire = containerd::types::transfer;

constexpr std::string_view data_type = "containerd.types.transfer.Data";
constexpr std::string_view window_type = "containerd.types.transfer.WindowUpdate";
// Of all windows together: what a peer adds to that changes nothing.
constexpr std::int64_t widest = std::int64_t{1} << 40;

std::string framed(const std::string& message) {
    auto length = static_cast<std::uint32_t>(message.size());
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(length >> shift));
    return bytes.append(message);
}

error broken(const error_code& failure) { return error(errc::unavailable, "the host's stream: " + failure.message()); }

error nonsense() { return error(errc::invalid_argument, "the host's stream: not a message"); }

}  // namespace

// One place for each: what Asio makes of such a call is large.
awaitable<error_code> transfer_stream::read_exactly(char* into, std::size_t size) {
    auto [failure, count] = co_await asio::async_read(socket_, asio::buffer(into, size), as_tuple_awaitable);
    co_return failure;
}

awaitable<result<void>> transfer_stream::write_message(std::string message) {
    auto bytes = framed(message);
    auto piece = largest_send(socket_.native_handle());
    auto at_most_a_piece = [piece](const error_code& broken, std::size_t) { return broken ? 0 : piece; };
    auto [failure, count] =
        co_await asio::async_write(socket_, asio::buffer(bytes), at_most_a_piece, as_tuple_awaitable);
    if (failure) co_return broken(failure);
    co_return result<void>();
}

// Empty: the end.
awaitable<result<std::string>> transfer_stream::read_message() {
    std::string message(4, '\0');
    auto failure = co_await read_exactly(message.data(), message.size());
    std::size_t size = 0;
    for (char byte : message) size = size << 8 | static_cast<unsigned char>(byte);
    if (!failure && size > max_message)
        co_return error(errc::resource_exhausted, "the host's stream: a message of more than 1 MiB");
    if (!failure) message.assign(size, '\0');
    if (!failure && size != 0) failure = co_await read_exactly(message.data(), size);
    if (failure) co_return broken(failure);
    co_return message;
}

awaitable<result<void>> transfer_stream::send(std::string_view type, std::string value) {
    google::protobuf::Any any;
    any.set_type_url(std::string(type));
    any.set_value(std::move(value));
    return write_message(any.SerializeAsString());
}

awaitable<result<std::string>> transfer_stream::read() {
    while (!has_ended_) {
        if (open_ < window) {
            wire::WindowUpdate more;
            more.set_update(window);
            // A host that has closed may have sent all there is: what is read says.
            (void)co_await send(window_type, more.SerializeAsString());
            open_ += window;
        }
        auto message = co_await read_message();
        if (!message) co_return message.error();
        has_ended_ = message->empty();
        if (has_ended_) break;
        google::protobuf::Any any;
        wire::Data data;
        bool is_one = any.ParseFromString(*message);
        if (is_one && !any.type_url().ends_with(data_type)) continue;
        is_one = is_one && data.ParseFromString(any.value());
        if (!is_one) co_return nonsense();
        open_ = std::max<std::int64_t>(0, open_ - static_cast<std::int64_t>(data.data().size()));
        if (!data.data().empty()) co_return std::move(*data.mutable_data());
    }
    co_return std::string();
}

awaitable<result<void>> transfer_stream::wait_for_window() {
    while (open_ <= 0) {
        auto message = co_await read_message();
        if (!message) co_return message.error();
        if (message->empty()) co_return error(errc::unavailable, "the host takes no more of it");
        google::protobuf::Any any;
        wire::WindowUpdate more;
        bool is_one = any.ParseFromString(*message);
        if (is_one && !any.type_url().ends_with(window_type)) continue;
        is_one = is_one && more.ParseFromString(any.value());
        if (!is_one) co_return nonsense();
        open_ = std::min(open_ + std::max(0, more.update()), widest);
    }
    co_return result<void>();
}

awaitable<result<void>> transfer_stream::write(std::string bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        auto allowed = co_await wait_for_window();
        if (!allowed) co_return allowed.error();
        auto size = std::min({bytes.size() - at, largest_data, static_cast<std::size_t>(open_)});
        wire::Data data;
        data.set_data(bytes.data() + at, size);
        auto sent = co_await send(data_type, data.SerializeAsString());
        if (!sent) co_return sent.error();
        open_ -= static_cast<std::int64_t>(size);
        at += size;
    }
    co_return result<void>();
}

awaitable<result<void>> transfer_stream::drain() {
    std::array<char, 4096> rest{};
    while (!co_await read_exactly(rest.data(), rest.size())) continue;
    co_return result<void>();
}

awaitable<result<void>> transfer_stream::finish() {
    auto told = co_await write_message(std::string());
    if (told) (void)co_await with_timeout(drain(), close_limit, "the end of a stream");
    co_return told;
}

}  // namespace vminit::api
