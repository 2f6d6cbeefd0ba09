// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/rtnetlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::system {

/// A request of rtnetlink(7): the header, one fixed structure, attributes.
class netlink_request {
public:
    /// `flags` beside NLM_F_REQUEST and NLM_F_ACK.
    template <class Body>
    netlink_request(std::uint16_t type, std::uint16_t flags, const Body& body) : netlink_request(type, flags) {
        append(&body, sizeof body);
    }

    void attribute(std::uint16_t type, const void* value, std::size_t size);

    template <class Value>
        requires std::is_trivially_copyable_v<Value>
    void attribute(std::uint16_t type, const Value& value) {
        attribute(type, &value, sizeof value);
    }

    /// The bytes to send, with the length filled in and this sequence number.
    std::vector<char> message(std::uint32_t sequence) const;

private:
    netlink_request(std::uint16_t type, std::uint16_t flags);
    void append(const void* bytes, std::size_t size);

    std::vector<char> bytes_;
};

/// Calls `take` with type and value of each attribute of `bytes`; what is cut off is left out.
void for_each_attribute(std::string_view bytes, const std::function<void(std::uint16_t, std::string_view)>& take);

/// A socket to the kernel's routing tables; answers come before the sending call returns, so nothing waits.
class rtnetlink {
public:
    static result<rtnetlink> open();

    /// Sends the request and takes its acknowledgement. Errors: errno with context `<name> <object>`.
    result<void> perform(const netlink_request& request, std::string_view name, std::string_view object);

    /// Sends a request with NLM_F_DUMP and hands each message of the answer to `take`, without its header. Errors: errno
    /// with context `read <object>`.
    using taker = std::function<void(std::string_view message)>;
    result<void> dump(const netlink_request& request, std::string_view object, const taker& take);

private:
    result<void> send(const netlink_request& request, std::string_view name, std::string_view object);

    explicit rtnetlink(unique_fd socket) noexcept : socket_(std::move(socket)) {}

    unique_fd socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace vminit::system
