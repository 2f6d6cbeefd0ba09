// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "fuzz/input.hpp"
#include "runc/console_message.hpp"
#include "vminit/core/unique_fd.hpp"

using namespace vminit;

namespace {

unique_fd one_of(std::uint8_t kind) {
    if (kind % 2 == 0) return unique_fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    return unique_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

// Sends `payload` with a descriptor for each byte of `kinds`.
void send(int socket, std::string_view payload, std::string_view kinds) {
    std::vector<unique_fd> descriptors;
    for (char kind : kinds) descriptors.push_back(one_of(static_cast<std::uint8_t>(kind)));
    iovec buffer{const_cast<char*>(payload.data()), payload.size()};
    msghdr header{};
    header.msg_iov = &buffer;
    header.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(32 * sizeof(int))> control{};
    if (!descriptors.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
        auto* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
        for (std::size_t i = 0; i < descriptors.size(); ++i) {
            int fd = descriptors[i].get();
            std::memcpy(CMSG_DATA(part) + i * sizeof fd, &fd, sizeof fd);
        }
    }
    test::require(::sendmsg(socket, &header, MSG_NOSIGNAL) >= 0, "the runtime's message is sent");
}

int next_descriptor() { return unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get(); }

}  // namespace

// First byte: how many descriptors (bytes that follow say of what kind), then what is sent beside them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = test::as_text(data, size);
    auto kinds = text.substr(0, 0);
    auto count = std::size_t{test::take_byte(text)} % 24;
    kinds = text.substr(0, count);
    text.remove_prefix(kinds.size());
    auto before = next_descriptor();
    {
        int ends[2];
        test::require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "a socket pair");
        unique_fd runtime(ends[0]), ours(ends[1]);
        if (!text.empty() || kinds.empty()) send(runtime.get(), text, kinds);
        runtime.reset();
        auto terminal = runc::receive_terminal(ours.get());
        bool is_right = kinds.size() == 1 && kinds[0] % 2 == 0 && !text.empty() && text.size() < 4096;
        test::require(terminal.has_value() == is_right, "exactly one terminal is taken");
    }
    test::require(next_descriptor() == before, "every other descriptor is closed");
    return 0;
}
