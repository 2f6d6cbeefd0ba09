// SPDX-License-Identifier: Apache-2.0
#include "uevent_listener.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstring>

#include "vminit/core/syscalls.hpp"

namespace vminit::devices {

namespace {

constexpr unsigned kernel_group = 1;  // 2 is udev's

result<unique_fd> open_netlink() {
    auto fd = syscalls::check("socket", "NETLINK_KOBJECT_UEVENT", [] {
        return ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
    });
    if (!fd) return fd.error();
    unique_fd owned(static_cast<int>(*fd));
    struct sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = kernel_group;
    auto bound = syscalls::check("bind", "NETLINK_KOBJECT_UEVENT", [&] {
        return ::bind(owned.get(), reinterpret_cast<const struct sockaddr*>(&address), sizeof address);
    });
    if (!bound) return bound.error();
    return owned;
}

// Any process of the network namespace may send to us; only the kernel's port is 0.
bool is_from_kernel(const void* sender, std::size_t size) {
    struct sockaddr_nl address{};
    if (size < sizeof address) return false;
    std::memcpy(&address, sender, sizeof address);
    return address.nl_family == AF_NETLINK && address.nl_pid == 0;
}

}  // namespace

uevent_listener::uevent_listener(executor ex, logger& log) : executor_(ex), log_(log), changed_(ex), tasks_(ex, log) {}

uevent_listener::use::use(uevent_listener& owner) : owner_(owner) {
    if (owner_.users_++ == 0) owner_.open();
}

uevent_listener::use::~use() {
    if (--owner_.users_ == 0) owner_.socket_.reset();
}

void uevent_listener::shut_down() noexcept {
    is_shut_down_ = true;
    socket_.reset();
}

void uevent_listener::open() {
    if (is_shut_down_) return;
    auto fd = open_netlink();
    if (!fd) {
        log_.warn("no uevents, looking for devices instead", {{"error", fd.error()}});
        return;
    }
    socket_.emplace(executor_);
    error_code failure;
    socket_->assign(protocol(AF_NETLINK, NETLINK_KOBJECT_UEVENT), fd->get(), failure);
    if (failure) {
        log_.warn("no uevents, looking for devices instead", {{"error", failure.message()}});
        socket_.reset();
        return;
    }
    (void)fd->release();
    ++opened_;
    tasks_.spawn("uevents", receive_all());
}

// By the time it learns that its socket is closed, a new one may be open, with a task of its own.
awaitable<void> uevent_listener::receive_all() {
    auto mine = opened_;
    while (socket_ && opened_ == mine) {
        protocol::endpoint sender;
        auto [failure, size] = co_await socket_->async_receive_from(asio::buffer(buffer_), sender, as_tuple_awaitable);
        // Closing the socket is how this ends.
        if (failure == asio::error::operation_aborted || failure == asio::error::bad_descriptor) co_return;
        if (failure == asio::error::no_buffer_space) {
            ++counters_.overruns;
            look_again(true);
        } else if (failure) {
            log_.warn("uevents ended, looking for devices instead", {{"error", failure.message()}});
            socket_.reset();
            look_again(true);
        } else {
            take(std::string_view(buffer_.data(), size), sender);
        }
    }
}

void uevent_listener::take(std::string_view message, const protocol::endpoint& sender) {
    auto event = is_from_kernel(sender.data(), sender.size()) ? parse_uevent(message) : std::nullopt;
    if (!event) {
        ++counters_.malformed;
        return;
    }
    ++counters_.uevents;
    look_again(event->subsystem == "net");
}

void uevent_listener::look_again(bool at_network) {
    ++generation_;
    if (at_network) ++network_generation_;
    changed_.notify_all();
}

}  // namespace vminit::devices
