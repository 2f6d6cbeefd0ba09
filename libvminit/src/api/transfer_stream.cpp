// SPDX-License-Identifier: Apache-2.0
#include "transfer_stream.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "github.com/containerd/containerd/api/types/transfer/streaming.pb.h"
#include "google/protobuf/any.pb.h"
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

// Empty: the end.
awaitable<result<std::string>> transfer_stream::read_message() {
    std::array<unsigned char, 4> head{};
    auto [failure, count] = co_await asio::async_read(socket_, asio::buffer(head), as_tuple_awaitable);
    if (failure) co_return broken(failure);
    std::size_t size = std::size_t{head[0]} << 24 | std::size_t{head[1]} << 16 | std::size_t{head[2]} << 8 | head[3];
    if (size > max_message)
        co_return error(errc::resource_exhausted, "the host's stream: a message of more than 1 MiB");
    std::string message(size, '\0');
    if (size == 0) co_return message;
    auto [broke, length] = co_await asio::async_read(socket_, asio::buffer(message), as_tuple_awaitable);
    if (broke) co_return broken(broke);
    co_return message;
}

awaitable<result<void>> transfer_stream::send(std::string_view type, std::string value) {
    google::protobuf::Any any;
    any.set_type_url(std::string(type));
    any.set_value(std::move(value));
    auto bytes = framed(any.SerializeAsString());
    auto [failure, count] = co_await asio::async_write(socket_, asio::buffer(bytes), as_tuple_awaitable);
    if (failure) co_return broken(failure);
    co_return result<void>();
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

awaitable<result<void>> transfer_stream::send_end() {
    auto bytes = framed(std::string());
    auto [failure, count] = co_await asio::async_write(socket_, asio::buffer(bytes), as_tuple_awaitable);
    if (failure) co_return broken(failure);
    co_return result<void>();
}

awaitable<result<void>> transfer_stream::drain() {
    for (std::array<char, 4096> rest;;) {
        auto [failure, count] = co_await socket_.async_read_some(asio::buffer(rest), as_tuple_awaitable);
        if (failure) co_return result<void>();
    }
}

awaitable<result<void>> transfer_stream::finish() {
    auto told = co_await send_end();
    if (told) (void)co_await with_timeout(drain(), close_limit, "the end of a stream");
    co_return told;
}

}  // namespace vminit::api
