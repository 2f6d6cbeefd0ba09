// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "forward/forward_core.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::forward {

namespace {

// For the kernel to find descriptors or memory.
constexpr auto accept_pause = std::chrono::milliseconds(100);

bool is_passing(int failure) noexcept {
    return failure == EMFILE || failure == ENFILE || failure == ENOMEM || failure == ENOBUFS;
}

std::uint16_t port_of(int fd) noexcept {
    sockaddr_storage bytes{};
    socklen_t size = sizeof bytes;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bytes), &size) != 0) return 0;
    // Both families have it in the same place.
    return ntohs(reinterpret_cast<const sockaddr_in*>(&bytes)->sin_port);
}

}  // namespace

gate::gate(std::shared_ptr<forward_core> core, std::string owner, place at, surroundings in,
           ttrpc::stream_socket socket)
    : core_(std::move(core)),
      owner_(std::move(owner)),
      at_(std::move(at)),
      in_(std::move(in)),
      socket_(std::move(socket)) {
    if (at_.is_tcp() && at_.port == 0) at_.port = port_of(socket_.native_handle());
    core_->gates.push_back(this);
}

gate::~gate() { close(error(errc::unavailable, "the forward is closed")); }

void gate::close(error why) noexcept {
    if (!socket_.is_open()) return;
    why_closed_ = std::move(why);
    error_code ignored;
    socket_.close(ignored);
    core_->forget(this);
    core_->changed.notify_all();
    if (at_.is_tcp()) return;
    try {
        core_->remove_name(at_.path, in_);
    } catch (...) {
        // No memory: the next who listens there finds that nobody does.
    }
}

awaitable<result<void>> gate::wait_for_room() {
    while (socket_.is_open() && core_->waiting_at(this) >= forward_service::max_waiting) {
        bool goes_on = co_await core_->changed.wait();
        if (!goes_on) co_return error(errc::cancelled, "accept");
    }
    co_return result<void>();
}

awaitable<result<std::uint64_t>> gate::accept() {
    for (;;) {
        auto room = co_await wait_for_room();
        if (!room) co_return room.error();
        if (!socket_.is_open()) co_return why_closed_;
        auto taken = syscalls::raw("accept", [&] {
            return ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        });
        if (taken) {
            auto socket = ttrpc::adopt_socket(core_->ex, unique_fd(static_cast<int>(*taken)));
            if (!socket) continue;
            auto number = core_->next_number++;
            core_->arrivals.emplace(number, forward_core::waiting{this, owner_, std::move(*socket)});
            co_return number;
        }
        if (taken.error().value() == EAGAIN) {
            co_await socket_.async_wait(ttrpc::stream_socket::wait_read, as_tuple_awaitable);
        } else if (is_passing(taken.error().value())) {
            timer pause(core_->ex, accept_pause);
            co_await pause.async_wait(as_tuple_awaitable);
        } else if (taken.error().value() != ECONNABORTED) {
            co_return error(taken.error(), "accept at " + at_.to_string());
        }
    }
}

}  // namespace vminit::forward
