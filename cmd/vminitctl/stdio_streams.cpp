// SPDX-License-Identifier: Apache-2.0
#include "stdio_streams.hpp"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>
#include <utility>

#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace {

using id_bytes = std::array<unsigned char, 4>;

error handshake_error(std::uint32_t id, error_code failure) {
    auto what = fmt::format("stream {}", id);
    bool hung_up =
        failure == asio::error::eof || failure == asio::error::connection_reset || failure == asio::error::broken_pipe;
    return hung_up ? error(errc::already_exists, what) : error(failure, what);
}

awaitable<result<void>> shake_hands(ttrpc::stream_socket& stream, std::uint32_t id) {
    id_bytes sent;
    boost::endian::store_big_u32(sent.data(), id);
    auto [write_failure, written] = co_await asio::async_write(stream, asio::buffer(sent), as_tuple_awaitable);
    if (write_failure) co_return handshake_error(id, write_failure);
    id_bytes echoed{};
    auto [read_failure, got] = co_await asio::async_read(stream, asio::buffer(echoed), as_tuple_awaitable);
    if (read_failure) co_return handshake_error(id, read_failure);
    if (echoed != sent) co_return error(errc::internal, fmt::format("stream {}: the guest echoed another id", id));
    co_return result<void>();
}

}  // namespace

awaitable<result<ttrpc::stream_socket>> open_stdio_stream(ttrpc::address where, std::uint32_t id,
                                                          clock::duration limit) {
    auto stream = co_await ttrpc::connect(std::move(where), limit);
    if (!stream) co_return stream.error();
    auto agreed = co_await with_timeout(shake_hands(*stream, id), limit, fmt::format("stream {}", id));
    if (!agreed) co_return agreed.error();
    co_return std::move(*stream);
}

std::string stream_uri(std::uint32_t id) { return fmt::format("stream://{}", id); }

std::size_t unsent_bytes(ttrpc::stream_socket& stream) {
    int count = 0;
    auto asked = syscalls::raw("ioctl", [&] { return ::ioctl(stream.native_handle(), SIOCOUTQ, &count); });
    return asked && count > 0 ? static_cast<std::size_t>(count) : 0;
}

}  // namespace vminit::vminitctl
