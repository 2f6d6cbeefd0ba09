// SPDX-License-Identifier: Apache-2.0
#include "rtnetlink.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

constexpr std::size_t answer_limit = 8192;  // an acknowledgement repeats the request, which has some hundred bytes
constexpr std::size_t dump_limit = 32768;   // what the kernel fills at most, and for a buffer of this size

}  // namespace

netlink_request::netlink_request(std::uint16_t type, std::uint16_t flags) {
    struct nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&header, sizeof header);
}

void netlink_request::append(const void* bytes, std::size_t size) {
    const auto* first = static_cast<const char*>(bytes);
    bytes_.insert(bytes_.end(), first, first + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void netlink_request::attribute(std::uint16_t type, const void* value, std::size_t size) {
    struct rtattr header{};
    header.rta_len = static_cast<unsigned short>(RTA_LENGTH(size));
    header.rta_type = type;
    append(&header, sizeof header);
    append(value, size);
}

std::vector<char> netlink_request::message(std::uint32_t sequence) const {
    auto bytes = bytes_;
    struct nlmsghdr header{};
    std::memcpy(&header, bytes.data(), sizeof header);
    header.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
    header.nlmsg_seq = sequence;
    std::memcpy(bytes.data(), &header, sizeof header);
    return bytes;
}

result<rtnetlink> rtnetlink::open() {
    auto fd = syscalls::check("socket", "NETLINK_ROUTE",
                              [] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE); });
    if (!fd) return fd.error();
    return rtnetlink(unique_fd(static_cast<int>(*fd)));
}

void for_each_attribute(std::string_view bytes, const std::function<void(std::uint16_t, std::string_view)>& take) {
    struct rtattr header{};
    while (bytes.size() >= sizeof header) {
        std::memcpy(&header, bytes.data(), sizeof header);
        if (header.rta_len < sizeof header || header.rta_len > bytes.size()) return;
        take(header.rta_type, bytes.substr(RTA_LENGTH(0), header.rta_len - RTA_LENGTH(0)));
        bytes.remove_prefix(std::min<std::size_t>(RTA_ALIGN(header.rta_len), bytes.size()));
    }
}

result<void> rtnetlink::send(const netlink_request& request, std::string_view name, std::string_view object) {
    auto bytes = request.message(++sequence_);
    struct sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    auto sent = syscalls::check(name, object, [&] {
        return ::sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const struct sockaddr*>(&kernel),
                        sizeof kernel);
    });
    if (!sent) return sent.error();
    return {};
}

result<void> rtnetlink::dump(const netlink_request& request, std::string_view object, const taker& take) {
    if (auto sent = send(request, "read", object); !sent) return sent;
    std::vector<char> answer(dump_limit);
    for (;;) {
        auto count =
            syscalls::check("read", object, [&] { return ::recv(socket_.get(), answer.data(), answer.size(), 0); });
        if (!count) return count.error();
        std::string_view rest(answer.data(), static_cast<std::size_t>(*count));
        struct nlmsghdr header{};
        while (rest.size() >= sizeof header) {
            std::memcpy(&header, rest.data(), sizeof header);
            if (header.nlmsg_len < sizeof header || header.nlmsg_len > rest.size()) break;
            auto message = rest.substr(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
            rest.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), rest.size()));
            if (header.nlmsg_seq != sequence_) continue;
            if (header.nlmsg_type == NLMSG_DONE) return {};
            if (header.nlmsg_type == NLMSG_ERROR) {
                int failure = 0;
                if (message.size() >= sizeof failure) std::memcpy(&failure, message.data(), sizeof failure);
                return error(syscalls::detail::errno_code(-failure), "read " + std::string(object));
            }
            take(message);
        }
    }
}

result<void> rtnetlink::perform(const netlink_request& request, std::string_view name, std::string_view object) {
    if (auto sent = send(request, name, object); !sent) return sent;
    std::array<char, answer_limit> answer;
    for (;;) {
        auto count = syscalls::check(name, object, [&] { return ::recv(socket_.get(), answer.data(), answer.size(), 0); });
        if (!count) return count.error();
        struct nlmsghdr header{};
        struct nlmsgerr outcome{};
        if (static_cast<std::size_t>(*count) < sizeof header + sizeof outcome) continue;
        std::memcpy(&header, answer.data(), sizeof header);
        std::memcpy(&outcome, answer.data() + sizeof header, sizeof outcome);
        if (header.nlmsg_type != NLMSG_ERROR || header.nlmsg_seq != sequence_) continue;
        if (outcome.error == 0) return {};
        std::string context(name);
        if (!object.empty()) context.append(" ").append(object);
        return error(syscalls::detail::errno_code(-outcome.error), std::move(context));
    }
}

}  // namespace vminit::system
