// SPDX-License-Identifier: Apache-2.0
#include "forward/socket_end.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "vminit/core/syscalls.hpp"

namespace vminit::forward {

boost::system::result<std::size_t> socket_end::read(char* into, std::size_t size) {
    auto count = syscalls::raw("recv", [&] { return ::recv(socket_.native_handle(), into, size, MSG_DONTWAIT); });
    if (!count) return count.error();
    return static_cast<std::size_t>(*count);
}

boost::system::result<std::size_t> socket_end::write(std::string_view bytes) {
    return send_some("send", socket_.native_handle(), bytes, largest_send_);
}

awaitable<void> socket_end::wait(readiness which) {
    if (!is_open()) co_return;
    auto event = which == readiness::readable ? ttrpc::stream_socket::wait_read : ttrpc::stream_socket::wait_write;
    co_await socket_.async_wait(event, as_tuple_awaitable);
}

void socket_end::wake() noexcept {
    error_code ignored;
    socket_.cancel(ignored);
}

void socket_end::finish_writing() noexcept {
    error_code ignored;
    socket_.shutdown(ttrpc::stream_socket::shutdown_send, ignored);
}

bool socket_end::is_gone() noexcept {
    auto sent = write({});
    return !sent && !is_again(sent.error()) && !is_short_of_memory(sent.error());
}

void socket_end::send_at_once() noexcept {
    int on = 1;
    // Not every socket is TCP's.
    (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void socket_end::close() noexcept {
    error_code ignored;
    socket_.close(ignored);
}

}  // namespace vminit::forward
