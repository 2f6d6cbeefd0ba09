// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::streams {

/// Notices that a peer has closed, one way or both, without reading a byte of what it sent: an epoll set of its own for
/// EPOLLRDHUP, which Asio's reactor does not ask for, and which the reactor watches as one descriptor.
class break_watch {
public:
    /// Errors: errno of epoll_create1.
    static result<break_watch> open(executor ex);

    /// `ticket` is the caller's: what `broken` tells.
    result<void> add(int fd, std::uint64_t ticket);
    void remove(int fd) noexcept;

    /// Waits until `changed` has something to tell. False when cancelled or closed.
    awaitable<bool> wait();

    /// The tickets whose peer has closed something, at most 64 at a time. Each is told once a change: a peer that has
    /// half-closed is told again when it closes the rest.
    std::vector<std::uint64_t> changed();

    void close() noexcept;

private:
    using descriptor = asio::posix::basic_stream_descriptor<executor>;
    explicit break_watch(descriptor set) noexcept : set_(std::move(set)) {}

    descriptor set_;
};

}  // namespace vminit::streams
