// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string_view>

namespace vminit {

/// The most that is given to the kernel at once for a vsock connection, in bytes: seven pages, which with header and
/// bookkeeping are below 32 KiB.
///
/// Linux makes of up to 64 KiB one packet. Since 6.17, and since 6.12.x, one of more than 32 KiB (PAGE_SIZE <<
/// PAGE_ALLOC_COSTLY_ORDER, virtio_vsock_alloc_skb) is given to the VMM in several pieces. VMMs have only learned that
/// in 2026 (Cloud Hypervisor issue 7672, libkrun 535 and 674), vhost-device-vsock 0.3 has not: they drop the packet,
/// and the connection stands still for good.
inline constexpr std::size_t largest_vsock_send = std::size_t{28} << 10;

/// `largest_vsock_send` for a vsock socket; for all others no limit.
std::size_t largest_send(int socket) noexcept;

/// send(2) on a stream socket, never waiting and without SIGPIPE, in pieces of at most `limit` bytes. Returns what the
/// kernel took; an error (errno; EAGAIN: full) only if that is nothing. `name` is what a fault hook matches, for each
/// piece.
boost::system::result<std::size_t> send_some(std::string_view name, int socket, std::string_view bytes,
                                             std::size_t limit);

}  // namespace vminit
