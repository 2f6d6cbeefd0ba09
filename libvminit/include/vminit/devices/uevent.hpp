// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vminit::devices {

/// One message of the kernel's device events (NETLINK_KOBJECT_UEVENT).
struct uevent {
    std::string action;                                           ///< `add`, `remove`, `change`, `bind`, ...
    std::string devpath;                                          ///< below /sys: `/devices/pci0000:00/.../block/vda`
    std::string subsystem;                                        ///< `block`, `cpu`, `memory`, ...
    std::vector<std::pair<std::string, std::string>> properties;  ///< all `KEY=value` pairs, in order

    /// The value of a property; empty if there is none.
    std::string_view property(std::string_view key) const noexcept;
};

/// Largest message we take: the kernel's own limit is 2048 bytes of properties plus the header.
inline constexpr std::size_t max_uevent_size = 8192;

/// Parses `action@devpath\0KEY=value\0...`. Nothing for anything else: udev's own messages ("libudev"), an empty or
/// overlong text, a header without `@`, a pair without `=`, or a header that contradicts ACTION or DEVPATH.
std::optional<uevent> parse_uevent(std::string_view message);

}  // namespace vminit::devices
