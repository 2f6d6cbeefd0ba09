// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "network_device.hpp"
#include "vminit/devices/link_report.hpp"

namespace vminit::devices {

/// What `device_service::keep_links` knows of its links: which device has each, and what has been told.
class link_keeper {
public:
    using found_devices = std::vector<std::optional<network_device>>;

    link_keeper(std::vector<system::link_settings> links, link_actions actions);

    bool is_empty() const noexcept { return links_.empty(); }

    /// A job for a thread: the devices of the links, in their order, as `sysfs` shows them.
    std::function<result<found_devices>()> look(const std::string& sysfs) const;

    /// Configures and reports every device that was not there at the last call, or was another.
    awaitable<void> configure(found_devices found);

    /// Reports each link that has not been reported yet.
    void report_missing();

private:
    struct kept_link {
        explicit kept_link(system::link_settings settings) : settings(std::move(settings)) {}

        system::link_settings settings;
        std::uint32_t index = 0;  // of the device that was configured; 0: it is not there
        bool is_reported = false;
    };

    std::vector<kept_link> links_;
    link_actions actions_;
};

}  // namespace vminit::devices
