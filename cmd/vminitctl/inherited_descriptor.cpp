// SPDX-License-Identifier: Apache-2.0
#include "inherited_descriptor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "vminit/core/condition.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::vminitctl {

namespace {

using watcher = asio::posix::basic_stream_descriptor<executor>;

// Readable when `fd` has one of `events`, or is hung up. Null if epoll refuses it, as it does files.
result<std::unique_ptr<watcher>> watch_from_outside(asio::io_context& context, int fd, std::uint32_t events) {
    auto made = syscalls::check("epoll_create1", "", [] { return ::epoll_create1(EPOLL_CLOEXEC); });
    if (!made) return made.error();
    unique_fd epoll(static_cast<int>(*made));
    epoll_event event{};
    event.events = events;
    auto added = syscalls::raw("epoll_ctl", [&] { return ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event); });
    if (!added) return std::unique_ptr<watcher>();
    return std::make_unique<watcher>(context.get_executor(), epoll.release());
}

bool is_ready(int fd, short events) {
    pollfd entry{fd, events, 0};
    auto polled = syscalls::raw("poll", [&] { return ::poll(&entry, 1, 0); });
    return polled && *polled > 0;
}

bool would_block(const error& failure) {
    return failure.code() == boost::system::errc::operation_would_block ||
           failure.code() == boost::system::errc::resource_unavailable_try_again;
}

result<std::size_t> read_once(int fd, std::span<char> buffer) {
    auto got = syscalls::check("read", "stdin", [&] { return ::read(fd, buffer.data(), buffer.size()); });
    if (got) return static_cast<std::size_t>(*got);
    // A terminal that was hung up, and a descriptor we were never given: there is no more.
    auto code = got.error().code();
    if (code == boost::system::errc::io_error || code == boost::system::errc::bad_file_descriptor)
        return std::size_t{0};
    return got.error();
}

// A terminal that says "ready" may still block a write of many bytes for as long as nobody looks at it. A description
// of our own need not block, and nobody else sees that.
unique_fd reopened_terminal(int fd, direction way) {
    if (way == direction::in || ::isatty(fd) != 1) return {};
    auto path = fmt::format("/proc/self/fd/{}", fd);
    auto opened =
        syscalls::raw("open", [&] { return ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); });
    return unique_fd(opened ? static_cast<int>(*opened) : -1);
}

}  // namespace

void occupy_standard_descriptors() {
    for (int fd : {0, 1, 2}) {
        if (::fcntl(fd, F_GETFD) >= 0) continue;
        // The lowest number that is free is this one, since those below it are open.
        (void)::open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    }
}

result<inherited_descriptor> inherited_descriptor::open(asio::io_context& context, int fd, direction way) {
    auto own = reopened_terminal(fd, way);
    if (own) fd = own.get();
    auto watch = watch_from_outside(context, fd, way == direction::in ? EPOLLIN : EPOLLOUT);
    if (!watch) return watch.error();
    return inherited_descriptor(fd, std::move(own), std::move(*watch));
}

awaitable<void> reader_gone(asio::io_context& context, int fd) {
    auto watch = watch_from_outside(context, fd, 0);
    while (watch && *watch) {
        if (is_ready(fd, 0)) co_return;
        co_await (*watch)->async_wait(watcher::wait_read, use_awaitable);
    }
    condition never(context.get_executor());
    for (;;) co_await never.wait();
}

awaitable<void> inherited_descriptor::until_ready(short events) {
    while (watch_ && !is_ready(fd_, events)) {
        co_await watch_->async_wait(watcher::wait_read, use_awaitable);
    }
}

awaitable<result<std::size_t>> inherited_descriptor::read_some(std::span<char> buffer) {
    for (;;) {
        co_await until_ready(POLLIN);
        auto got = read_once(fd_, buffer);
        if (got || !would_block(got.error())) co_return got;
    }
}

awaitable<result<void>> inherited_descriptor::write_all(std::string_view data) {
    // Ready means room for this much (pipe(7)); for files there is no such limit.
    const std::size_t step = watch_ ? PIPE_BUF : data.size();
    while (!data.empty()) {
        co_await until_ready(POLLOUT);
        auto part = data.substr(0, step);
        auto put = syscalls::check("write", "stdout", [&] { return ::write(fd_, part.data(), part.size()); });
        if (put) {
            data.remove_prefix(static_cast<std::size_t>(*put));
        } else if (!would_block(put.error())) {
            co_return put.error();
        }
    }
    co_return result<void>();
}

result<void> write_fully(int fd, std::string_view data, std::string_view object) {
    while (!data.empty()) {
        auto put = syscalls::check("write", object, [&] { return ::write(fd, data.data(), data.size()); });
        if (put) {
            data.remove_prefix(static_cast<std::size_t>(*put));
        } else if (would_block(put.error())) {
            pollfd entry{fd, POLLOUT, 0};
            (void)syscalls::raw("poll", [&] { return ::poll(&entry, 1, -1); });
        } else {
            return put.error();
        }
    }
    return {};
}

}  // namespace vminit::vminitctl
