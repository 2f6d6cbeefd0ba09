// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/socket.h>

#include <boost/asio/write.hpp>
#include <cerrno>

#include "ttrpc/socket_address.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::ttrpc {

namespace {

// unix(7): a full backlog is EAGAIN and nothing tells when there is room again.
constexpr auto full_backlog_pause = std::chrono::milliseconds(5);

// "OK 1073741824\n" with room to spare; more is not an answer.
constexpr std::size_t max_hvsock_answer = 64;

result<void> pending_error(int fd, const address& where) {
    int failure = 0;
    socklen_t size = sizeof failure;
    auto asked = syscalls::check("getsockopt", "SO_ERROR", [&] {
        return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    });
    if (!asked) return asked.error();
    if (failure == 0) return {};
    return error(error_code(failure, boost::system::system_category()), "connect " + where.to_string());
}

awaitable<result<void>> hvsock_handshake(stream_socket& socket, address where) {
    auto request = fmt::format("CONNECT {}\n", where.port());
    auto [write_failure, written] = co_await asio::async_write(socket, asio::buffer(request), as_tuple_awaitable);
    if (write_failure) co_return error(write_failure, "connect " + where.to_string());
    std::string answer;
    // Byte by byte: what follows the line belongs to the guest's protocol.
    while (!answer.ends_with('\n') && answer.size() < max_hvsock_answer) {
        char byte = 0;
        auto [failure, count] = co_await socket.async_read_some(asio::buffer(&byte, 1), as_tuple_awaitable);
        if (failure) co_return error(failure, "connect " + where.to_string());
        answer.push_back(byte);
    }
    if (!answer.starts_with("OK ") || !answer.ends_with('\n')) {
        co_return error(errc::unavailable, fmt::format("connect {}: answer \"{}\"", where.to_string(), answer));
    }
    co_return result<void>();
}

// Not asio's async_connect: it takes EAGAIN of a Unix socket for "in progress" and then reports success.
awaitable<result<stream_socket>> connect_within(address where) {
    auto ex = co_await asio::this_coro::executor;
    socket_address raw_address(where);
    if (!raw_address.is_valid()) co_return error(errc::invalid_argument, "connect " + where.to_string());
    auto fd = open_socket(where, raw_address.family());
    if (!fd) co_return fd.error();
    int connecting = fd->get();
    auto adopted = adopt_socket(ex, std::move(*fd), raw_address.family());
    if (!adopted) co_return adopted.error();
    stream_socket socket = std::move(*adopted);
    for (;;) {
        auto begun = syscalls::raw("connect", [&] { return ::connect(connecting, raw_address.data(), raw_address.size()); });
        if (begun) break;
        int why = begun.error().value();
        if (why == EAGAIN) {
            co_await sleep_for(full_backlog_pause);
            continue;
        }
        if (why != EINPROGRESS) co_return error(begun.error(), "connect " + where.to_string());
        auto [failure] = co_await socket.async_wait(stream_socket::wait_write, as_tuple_awaitable);
        if (failure) co_return error(failure, "connect " + where.to_string());
        if (auto outcome = pending_error(connecting, where); !outcome) co_return outcome.error();
        break;
    }
    if (where.kind() == transport_kind::hvsock) {
        auto agreed = co_await hvsock_handshake(socket, where);
        if (!agreed) co_return agreed.error();
    }
    co_return socket;
}

// Cancellation is a value to `with_timeout`.
awaitable<result<stream_socket>> connect_or_stop(address where) {
    try {
        co_return co_await connect_within(std::move(where));
    } catch (const boost::system::system_error& stopped) {
        co_return error(stopped.code(), "connect");
    }
}

}  // namespace

awaitable<result<stream_socket>> connect(address where, clock::duration limit) {
    auto what = "connect " + where.to_string();
    co_return co_await with_timeout(connect_or_stop(std::move(where)), limit, std::move(what));
}

}  // namespace vminit::ttrpc
