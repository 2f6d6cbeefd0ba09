// SPDX-License-Identifier: Apache-2.0
#include "runc/console_message.hpp"

#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "vminit/core/syscalls.hpp"

namespace vminit::runc {

namespace {

// runc sends the terminal's name, crun a space.
constexpr std::size_t max_payload = 4096;

// Room for more descriptors than are allowed, so that they are received, and closed, rather than truncated.
constexpr std::size_t max_descriptors = 16;

error refused(std::string reason) { return error(errc::unknown, "console: " + std::move(reason)); }

struct message {
    std::size_t size = 0;
    int flags = 0;
    std::size_t control_count = 0;
    std::vector<unique_fd> descriptors;
};

void take_descriptors(msghdr& header, message& into) {
    for (auto* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        ++into.control_count;
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            into.descriptors.emplace_back(fd);
        }
    }
}

result<message> receive(int connection) {
    std::array<char, max_payload> payload;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(max_descriptors * sizeof(int))> control;
    iovec buffer{payload.data(), payload.size()};
    msghdr header{};
    header.msg_iov = &buffer;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    auto size = syscalls::check("recvmsg", "console",
                                [&] { return ::recvmsg(connection, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT); });
    if (!size) return size.error();
    message received;
    received.size = static_cast<std::size_t>(*size);
    received.flags = header.msg_flags;
    take_descriptors(header, received);
    return received;
}

bool is_terminal(int fd) {
    termios settings{};
    return syscalls::raw("tcgetattr", [&] { return ::tcgetattr(fd, &settings); }).has_value();
}

}  // namespace

result<unique_fd> receive_terminal(int connection) {
    auto received = receive(connection);
    if (!received) return received.error();
    if ((received->flags & MSG_CTRUNC) != 0) return refused("truncated control data");
    if (received->size == 0 && received->descriptors.empty()) return refused("closed without a terminal");
    if (received->size >= max_payload) return refused("too many bytes beside the terminal");
    if (received->control_count != 1 || received->descriptors.size() != 1) {
        return refused(std::to_string(received->descriptors.size()) + " descriptors instead of one");
    }
    if (!is_terminal(received->descriptors[0].get())) return refused("the descriptor is no terminal");
    return std::move(received->descriptors[0]);
}

}  // namespace vminit::runc
