// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/system/network_settings.hpp"

namespace vminit::devices {

/// What became of one network device.
struct link_report {
    std::size_t position = 0;     ///< of its settings in the list
    std::string name;             ///< as the kernel calls it; empty: it did not come in time
    std::vector<error> failures;  ///< of configuring it; not_found `wait for network device <device>` without a name
};

/// How `device_service::keep_links` configures a device and tells of it.
struct link_actions {
    /// Given the settings with the kernel's name as `device`; returns what failed.
    std::function<awaitable<std::vector<error>>(system::link_settings)> configure;
    std::function<void(link_report)> report;
};

}  // namespace vminit::devices
