// SPDX-License-Identifier: Apache-2.0
#include "streams/break_watch.hpp"

#include <sys/epoll.h>

#include <array>

#include "vminit/core/syscalls.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::streams {

result<break_watch> break_watch::open(executor ex) {
    auto fd = syscalls::check("epoll_create1", {}, [] { return ::epoll_create1(EPOLL_CLOEXEC); });
    if (!fd) return fd.error();
    unique_fd owned(static_cast<int>(*fd));
    descriptor set(ex);
    error_code failure;
    set.assign(owned.get(), failure);
    if (failure) return error(failure, "watch for broken streams");
    [[maybe_unused]] int owned_by_descriptor = owned.release();
    return break_watch(std::move(set));
}

result<void> break_watch::add(int fd, std::uint64_t ticket) {
    epoll_event event{};
    // EPOLLERR and EPOLLHUP come without asking. By edge: a half-closed stream stays here, and must not keep us busy.
    event.events = EPOLLRDHUP | EPOLLET;
    event.data.u64 = ticket;
    auto added =
        syscalls::check("epoll_ctl", {}, [&] { return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, fd, &event); });
    if (!added) return added.error();
    return {};
}

void break_watch::remove(int fd) noexcept { ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, fd, nullptr); }

awaitable<bool> break_watch::wait() {
    auto [failure] = co_await set_.async_wait(descriptor::wait_read, as_tuple_awaitable);
    co_return !failure;
}

std::vector<std::uint64_t> break_watch::changed() {
    std::array<epoll_event, 64> events;
    auto count = syscalls::raw("epoll_wait", [&] {
        return ::epoll_wait(set_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    });
    std::vector<std::uint64_t> tickets;
    for (long i = 0; count && i < *count; ++i) {
        // The kernel's structure is packed: a reference into it may be misaligned.
        std::uint64_t ticket = events[static_cast<std::size_t>(i)].data.u64;
        tickets.push_back(ticket);
    }
    return tickets;
}

void break_watch::close() noexcept {
    error_code ignored;
    set_.close(ignored);
}

}  // namespace vminit::streams
