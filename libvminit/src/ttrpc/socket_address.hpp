// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/vm_sockets.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vminit/core/unique_fd.hpp"
#include "vminit/ttrpc/address.hpp"

namespace vminit::ttrpc {

/// An `address` as the kernel takes it; hvsock is the Unix socket it starts with.
class socket_address {
public:
    /// `where.path()` must fit sun_path (`address::parse` checks; `is_valid` tells for others).
    explicit socket_address(const address& where) noexcept;

    bool is_valid() const noexcept { return size_ != 0; }
    int family() const noexcept { return storage_.any.sa_family; }
    const sockaddr* data() const noexcept { return &storage_.any; }
    socklen_t size() const noexcept { return size_; }

private:
    void set_path(const std::string& path) noexcept;

    union {
        sockaddr_storage all;  // first, because {} clears the first member only
        sockaddr any;
        sockaddr_un path;
        sockaddr_vm vm;
    } storage_{};
    socklen_t size_ = 0;
};

/// A non-blocking, close-on-exec stream socket of that family.
result<unique_fd> open_socket(const address& where, int family);

}  // namespace vminit::ttrpc
