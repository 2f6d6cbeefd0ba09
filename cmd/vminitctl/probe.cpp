// SPDX-License-Identifier: Apache-2.0
#include "probe.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/endian/conversion.hpp>
#include <vector>

#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::size_t header_size = 10;
constexpr unsigned char response_type = 2;
constexpr std::uint32_t longest_answer = 4096;  // the status text is 50 bytes; a length like this one is not a refusal

error lost(error_code failure) { return error(errc::unavailable, "probe: " + failure.message()); }

awaitable<result<void>> exchange(ttrpc::stream_socket& socket) {
    std::array<unsigned char, header_size> header{};
    auto [write_failure, written] = co_await asio::async_write(socket, asio::buffer(header), as_tuple_awaitable);
    if (write_failure) co_return lost(write_failure);
    auto [head_failure, head_size] = co_await asio::async_read(socket, asio::buffer(header), as_tuple_awaitable);
    if (head_failure) co_return lost(head_failure);
    auto length = boost::endian::load_big_u32(header.data());
    auto stream_id = boost::endian::load_big_u32(header.data() + 4);
    bool is_refusal = stream_id == 0 && header[8] == response_type && length > 0 && length <= longest_answer;
    if (!is_refusal) co_return error(errc::internal, "probe: the answer is not ttrpc's");
    std::vector<char> body(length);
    auto [body_failure, body_size] = co_await asio::async_read(socket, asio::buffer(body), as_tuple_awaitable);
    if (body_failure) co_return lost(body_failure);
    co_return result<void>();
}

}  // namespace

awaitable<result<clock::duration>> probe(ttrpc::stream_socket& socket, clock::duration limit) {
    auto begun = clock::now();
    auto answered = co_await with_timeout(exchange(socket), limit, "probe");
    if (!answered) co_return answered.error();
    co_return clock::now() - begun;
}

}  // namespace vminit::vminitctl
