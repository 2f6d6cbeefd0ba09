// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <boost/asio/basic_datagram_socket.hpp>
#include <boost/asio/generic/datagram_protocol.hpp>
#include <cstdint>
#include <optional>

#include "vminit/core/asio.hpp"
#include "vminit/core/condition.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/devices/device_service.hpp"

namespace vminit::devices {

/// Receives the kernel's uevents while somebody wants them: no socket, no wake-ups and no work for the loop otherwise.
class uevent_listener {
public:
    uevent_listener(executor ex, logger& log);

    /// While one lives, uevents are received. Destroying it after the context's shutdown is harmless.
    class use {
    public:
        explicit use(uevent_listener& owner);
        ~use();
        use(const use&) = delete;
        use& operator=(const use&) = delete;

    private:
        uevent_listener& owner_;
    };

    /// Rises with every uevent, and when some were lost: look again.
    std::uint64_t generation() const noexcept { return generation_; }

    /// The same for what happens to network devices alone.
    std::uint64_t network_generation() const noexcept { return network_generation_; }

    /// Returns when a generation may have changed.
    awaitable<bool> wait() { return changed_.wait(); }

    /// False when there is no socket to hear of changes: the caller must look again by itself.
    bool is_listening() const noexcept { return socket_.has_value(); }

    const device_counters& counters() const noexcept { return counters_; }
    void shut_down() noexcept;

private:
    using protocol = asio::generic::datagram_protocol;
    using socket = asio::basic_datagram_socket<protocol, executor>;

    void open();
    awaitable<void> receive_all();
    void take(std::string_view message, const protocol::endpoint& sender);
    void look_again(bool at_network);

    executor executor_;
    logger& log_;
    std::optional<socket> socket_;
    // Not cleared: two pages that a guest without devices to wait for never touches.
    std::array<char, max_uevent_size> buffer_;
    condition changed_;
    task_group tasks_;
    std::uint64_t generation_ = 0;
    std::uint64_t network_generation_ = 0;
    std::uint64_t opened_ = 0;
    device_counters counters_;
    std::size_t users_ = 0;
    bool is_shut_down_ = false;
};

}  // namespace vminit::devices
