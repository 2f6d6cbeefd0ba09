// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::system {

/// Hears the machine's power button, which is how many a VMM asks its guest to go down.
///
/// ACPI's comes by generic netlink (`acpi_event`), for which the kernel needs its `button` driver, but no device node.
/// Others (gpio-keys of a device tree, the key of a keyboard) are input devices with a KEY_POWER, for which it needs
/// `evdev`. One press may be told twice.
class power_button {
public:
    /// `pressed` is called from the loop; the argument says what told it.
    power_button(asio::io_context& context, std::function<void(std::string)> pressed);

    /// Listens until it is cancelled; returns early, with a line in the log, where the kernel has nothing to tell.
    awaitable<void> listen_to_acpi();

    /// Listens to the input devices that have a power key as it begins. At most 32 devices are looked at.
    awaitable<void> listen_to_keys(std::string directory = "/dev/input");

    /// The same on a socket and on a device that are open already. Datagrams that do not come from the kernel, or are
    /// no whole event of `family`, are counted and passed over.
    awaitable<void> listen_to_acpi(unique_fd socket, std::uint16_t family);
    awaitable<void> listen_to_key(unique_fd device);

    std::uint64_t malformed() const noexcept { return malformed_; }

private:
    void take_events(int socket, std::uint16_t family);

    asio::io_context& context_;
    logger& log_;
    std::function<void(std::string)> pressed_;
    std::uint64_t malformed_ = 0;
};

}  // namespace vminit::system
