#include "rtnetlink.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "vminit/core/syscalls.hpp"

namespace vminit::system {

namespace {

constexpr std::size_t answer_limit = 8192;  // an acknowledgement repeats the request, which has some hundred bytes

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

result<void> rtnetlink::perform(const netlink_request& request, std::string_view name, std::string_view object) {
    auto bytes = request.message(++sequence_);
    struct sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    auto sent = syscalls::check(name, object, [&] {
        return ::sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const struct sockaddr*>(&kernel),
                        sizeof kernel);
    });
    if (!sent) return sent.error();
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
        return error(syscalls::detail::errno_code(-outcome.error), std::string(name) + " " + std::string(object));
    }
}

}  // namespace vminit::system
