// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "vminit/core/result.hpp"

namespace vminit::devices {

/// A network device there is now. The index is the kernel's, and never given to another.
struct network_device {
    std::string name;
    std::uint32_t index = 0;
};

/// The device below `sysfs` with this name or hardware address (`system::link_settings::device`); of several with one
/// address that which came first. Nothing if there is none, or it is just going.
std::optional<network_device> find_network_device(const std::string& sysfs, const std::string& device);

}  // namespace vminit::devices
