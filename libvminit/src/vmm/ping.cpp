// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>
#include <vector>

#include "vminit/core/timeout.hpp"
#include "vminit/ttrpc/transport.hpp"
#include "vminit/vmm/vm_service.hpp"

namespace vminit::vmm {

namespace {

constexpr std::size_t header_size = 10;  // ttrpc's frame header
constexpr std::uint32_t longest_answer = 4096;  // the refusal is 50 bytes; a length like this one is not a refusal

awaitable<result<void>> exchange(ttrpc::stream_socket& socket) {
    std::array<unsigned char, header_size> header{};
    auto [write_failure, written] = co_await asio::async_write(socket, asio::buffer(header), as_tuple_awaitable);
    if (write_failure) co_return error(errc::unavailable, "ping: " + write_failure.message());
    auto [head_failure, head_size] = co_await asio::async_read(socket, asio::buffer(header), as_tuple_awaitable);
    if (head_failure) co_return error(errc::unavailable, "ping: " + head_failure.message());
    auto length = boost::endian::load_big_u32(header.data());
    if (length == 0 || length > longest_answer) co_return error(errc::internal, "ping: the answer is not ttrpc's");
    std::vector<char> body(length);
    auto [body_failure, body_size] = co_await asio::async_read(socket, asio::buffer(body), as_tuple_awaitable);
    if (body_failure) co_return error(errc::unavailable, "ping: " + body_failure.message());
    co_return result<void>();
}

}  // namespace

awaitable<result<void>> ping(ttrpc::address where, clock::duration limit) {
    auto socket = co_await ttrpc::connect(std::move(where), limit);
    if (!socket) co_return socket.error();
    co_return co_await with_timeout(exchange(*socket), limit, "ping");
}

}  // namespace vminit::vmm
