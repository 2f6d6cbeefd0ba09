// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/power_button.hpp"

#include <fcntl.h>
#include <linux/input.h>
#include <linux/netlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <utility>

#include "acpi_event.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

namespace vminit::system {

namespace {

using descriptor = asio::posix::basic_stream_descriptor<executor>;

constexpr std::size_t datagram_limit = 8192;  // what the kernel makes is below 4 KiB
constexpr int most_devices = 32;

struct acpi_socket {
    unique_fd fd;
    std::uint16_t family = 0;
};

// A reply of the kernel is there when the request has been sent.
result<acpi_socket> open_acpi_socket() {
    auto opened = syscalls::check("socket", "NETLINK_GENERIC", [] {
        return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
    });
    if (!opened) return opened.error();
    unique_fd fd(static_cast<int>(*opened));
    struct sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    auto request = acpi_family_request();
    auto sent = syscalls::check("send", "acpi_event", [&] {
        return ::sendto(fd.get(), request.data(), request.size(), 0, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel);
    });
    if (!sent) return sent.error();
    std::array<char, datagram_limit> answer;
    auto size = syscalls::check("receive", "acpi_event", [&] { return ::recv(fd.get(), answer.data(), answer.size(), 0); });
    if (!size) return size.error();
    auto source = parse_acpi_family(std::string_view(answer.data(), static_cast<std::size_t>(*size)));
    if (!source) return error(errc::not_found, "the kernel tells no ACPI events");
    auto joined = syscalls::check("join", "acpi_event", [&] {
        return ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &source->group, sizeof source->group);
    });
    if (!joined) return joined.error();
    return acpi_socket{std::move(fd), source->family};
}

bool has_power_key(int device) {
    std::array<unsigned char, KEY_MAX / 8 + 1> keys{};
    auto asked = syscalls::raw("ioctl", [&] { return ::ioctl(device, EVIOCGBIT(EV_KEY, keys.size()), keys.data()); });
    return asked && (keys[KEY_POWER / 8] >> (KEY_POWER % 8) & 1) != 0;
}

result<std::vector<unique_fd>> open_keys(const std::string& directory) {
    std::vector<unique_fd> devices;
    for (int number = 0; number < most_devices; ++number) {
        auto device = syscalls::open(directory + "/event" + std::to_string(number), O_RDONLY | O_NONBLOCK);
        if (device && has_power_key(device->get())) devices.push_back(std::move(*device));
    }
    return devices;
}

}  // namespace

power_button::power_button(asio::io_context& context, std::function<void(std::string)> pressed)
    : context_(context), log_(log_of(context)), pressed_(std::move(pressed)) {}

awaitable<void> power_button::listen_to_acpi() {
    auto opened = co_await asio::use_service<blocking_service>(context_).run(blocking_lane::kernel_writes, open_acpi_socket, "find power button");
    if (!opened) {
        log_.debug("no ACPI power button", {{"error", opened.error()}});
        co_return;
    }
    co_await listen_to_acpi(std::move(opened->fd), opened->family);
}

awaitable<void> power_button::listen_to_acpi(unique_fd socket, std::uint16_t family) {
    descriptor events(context_.get_executor(), socket.get());
    (void)socket.release();
    for (;;) {
        auto [failure] = co_await events.async_wait(asio::posix::descriptor_base::wait_read, as_tuple_awaitable);
        if (failure) co_return;
        take_events(events.native_handle(), family);
    }
}

// One datagram: the loop comes back for the next. Any process of the network namespace may send to us.
void power_button::take_events(int socket, std::uint16_t family) {
    std::array<char, datagram_limit> bytes;
    struct sockaddr_nl sender{};
    socklen_t size = sizeof sender;
    auto received = syscalls::raw("recvfrom", [&] {
        return ::recvfrom(socket, bytes.data(), bytes.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&sender), &size);
    });
    if (!received) return;  // ENOBUFS: events were lost, and whoever pressed presses again
    std::string_view datagram(bytes.data(), static_cast<std::size_t>(*received));
    bool is_from_kernel = size >= sizeof sender && sender.nl_family == AF_NETLINK && sender.nl_pid == 0;
    if (!is_from_kernel || !is_acpi_event(datagram, family)) {
        if (malformed_++ == 0) log_.warn("ACPI event not understood", {{"bytes", datagram.size()}, {"from", sender.nl_pid}});
        return;
    }
    if (is_power_button_event(datagram, family)) pressed_("ACPI power button");
}

awaitable<void> power_button::listen_to_keys(std::string directory) {
    auto job = [directory = std::move(directory)] { return open_keys(directory); };
    auto devices = co_await asio::use_service<blocking_service>(context_).run(blocking_lane::kernel_writes, std::move(job), "find power keys");
    if (!devices) co_return;
    task_group tasks(context_.get_executor(), log_);
    for (auto& device : *devices) tasks.spawn("power key", listen_to_key(std::move(device)));
    co_await tasks.join();
}

awaitable<void> power_button::listen_to_key(unique_fd device) {
    descriptor keys(context_.get_executor(), device.get());
    (void)device.release();
    std::array<struct input_event, 16> events;
    for (;;) {
        auto [failure, size] = co_await keys.async_read_some(asio::buffer(events), as_tuple_awaitable);
        if (failure) co_return;  // unplugged
        for (std::size_t i = 0; i < size / sizeof events[0]; ++i) {
            if (events[i].type == EV_KEY && events[i].code == KEY_POWER && events[i].value == 1) pressed_("power key");
        }
    }
}

}  // namespace vminit::system
