// SPDX-License-Identifier: Apache-2.0
#include "streams/greeting.hpp"

#include <array>
#include <boost/asio/read.hpp>
#include <cstdint>

#include "vminit/streams/stream_service.hpp"

namespace vminit::streams {

namespace {

using number_bytes = std::array<unsigned char, 4>;

std::uint32_t decode(const number_bytes& bytes) noexcept {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::string with_length(std::string_view text) {
    auto length = static_cast<std::uint32_t>(text.size());
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(length >> shift));
    return bytes.append(text);
}

error refused(std::string why) { return error(errc::invalid_argument, "stream handshake: " + std::move(why)); }

}  // namespace

awaitable<result<greeting>> read_greeting(ttrpc::stream_socket& socket, stream_handshake handshake) {
    number_bytes bytes{};
    auto [failure, count] = co_await asio::async_read(socket, asio::buffer(bytes), as_tuple_awaitable);
    if (failure) co_return error(failure, "stream handshake");
    auto number = decode(bytes);
    greeting said;
    if (handshake == stream_handshake::number) {
        said.name = std::to_string(number);
        said.echo.assign(bytes.begin(), bytes.end());
        co_return said;
    }
    if (number == 0 || number > stream_service::max_name) {
        co_return refused("a name of " + std::to_string(number) + " bytes");
    }
    said.name.resize(number);
    auto [failed, length] = co_await asio::async_read(socket, asio::buffer(said.name), as_tuple_awaitable);
    if (failed) co_return error(failed, "stream handshake");
    said.echo = with_length(said.name);
    co_return said;
}

std::string refusal_of(std::string_view name, stream_handshake handshake) {
    if (handshake == stream_handshake::number) return {};
    return with_length("stream \"" + std::string(name) + "\" already exists");
}

}  // namespace vminit::streams
