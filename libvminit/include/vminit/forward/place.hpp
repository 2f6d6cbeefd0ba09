// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "vminit/core/result.hpp"

namespace vminit::forward {

/// An address as the kernel takes it.
struct socket_name {
    sockaddr_storage bytes{};
    socklen_t size = 0;
    int family() const noexcept { return bytes.ss_family; }
    const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&bytes); }
};

/// Where somebody listens, or is to: a TCP port of an address, or a Unix socket of a path.
struct place {
    std::string address;     ///< numeric, IPv4 or IPv6; empty with a path
    std::uint16_t port = 0;  ///< 0 only to listen: any that is free
    std::string path;        ///< absolute; empty with a port

    bool is_tcp() const noexcept { return path.empty(); }

    /// `127.0.0.1:80`, `[::1]:80` or the path.
    std::string to_string() const;

    /// Errors: invalid_argument for an address that is none, and for a path that is too long for a socket.
    result<socket_name> name() const;
};

/// In which network and below which root a place is. Both are paths that are opened anew each time.
struct surroundings {
    std::string net;   ///< a network namespace, as /proc/PID/ns/net; empty: ours
    std::string root;  ///< links lead no further than this directory; empty: ours
    mode_t socket_mode = 0600;  ///< of a Unix socket that is made there
    /// Whether the two still mean what they did when they were written down: asked after they have been opened.
    std::function<result<void>()> check;
};

}  // namespace vminit::forward
