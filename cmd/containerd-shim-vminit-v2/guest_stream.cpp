// SPDX-License-Identifier: Apache-2.0
#include "guest_stream.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>

#include "vminit/core/timeout.hpp"

namespace vminit::shim {

namespace {

awaitable<result<void>> name_stream(ttrpc::stream_socket& stream, std::uint32_t id) {
    std::array<unsigned char, 4> sent{};
    boost::endian::store_big_u32(sent.data(), id);
    auto [write_failure, written] = co_await asio::async_write(stream, asio::buffer(sent), as_tuple_awaitable);
    if (write_failure) co_return error(errc::unavailable, fmt::format("stream {}: {}", id, write_failure.message()));
    std::array<unsigned char, 4> echoed{};
    auto [read_failure, got] = co_await asio::async_read(stream, asio::buffer(echoed), as_tuple_awaitable);
    if (read_failure) co_return error(errc::unavailable, fmt::format("stream {}: {}", id, read_failure.message()));
    if (echoed != sent) co_return error(errc::internal, fmt::format("stream {}: the guest echoed another id", id));
    co_return result<void>();
}

}  // namespace

awaitable<result<ttrpc::stream_socket>> open_guest_stream(ttrpc::address where, std::uint32_t id,
                                                          clock::duration limit) {
    auto stream = co_await ttrpc::connect(std::move(where), limit);
    if (!stream) co_return stream.error();
    auto named = co_await with_timeout(name_stream(*stream, id), limit, fmt::format("stream {}", id));
    if (!named) co_return named.error();
    co_return std::move(*stream);
}

std::string guest_stream_uri(std::uint32_t id) { return fmt::format("stream://{}", id); }

}  // namespace vminit::shim
