// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/devices/block_device.hpp"
#include "vminit/devices/link_report.hpp"
#include "vminit/devices/uevent.hpp"

namespace vminit::devices {

/// Where the device_service looks; other places are for tests.
struct device_config {
    std::string sysfs = "/sys";
    std::string dev = "/dev";
};

/// What came from the kernel since the service was made.
struct device_counters {
    std::uint64_t uevents = 0;
    std::uint64_t malformed = 0;
    std::uint64_t overruns = 0;  ///< the kernel dropped messages (ENOBUFS): everything was looked at again
};

/// Devices coming and going. Listens to the kernel's uevents while somebody waits for a device or keeps links; nothing is
/// polled.
///
/// If the netlink socket cannot be opened (no rights, in a container) waiting still works, looking again every 100 ms.
class device_service : public asio::execution_context::service {
public:
    static inline asio::execution_context::id id;

    /// How long a device may take to appear.
    static constexpr std::chrono::seconds default_limit{5};

    explicit device_service(asio::execution_context& context);
    device_service(asio::execution_context& context, device_config config);
    ~device_service() override;

    /// The node (`/dev/vdb`) of the first disk with this serial, as soon as disk and node are there. Cancellable.
    /// Errors: not_found `resolve block device by serial "<serial>"` after `limit`.
    awaitable<result<std::string>> find_block_by_serial(std::string serial, clock::duration limit = default_limit);

    /// The node of a disk or partition by its kernel name (`vda`, `vda1`).
    /// Errors: not_found `wait for block device "<name>"`.
    awaitable<result<std::string>> find_block_by_name(std::string name, clock::duration limit = default_limit);

    /// Configures the network devices of `links` when they come: those that are there, those that come later, those that
    /// went and came again. Each is reported when it has been configured, and once if it is not there after `limit`; one
    /// that does not come delays no other, and one that goes while it is configured has not come. Runs until it is
    /// cancelled; without uevents it returns after `limit`.
    awaitable<void> keep_links(std::vector<system::link_settings> links, link_actions actions,
                               clock::duration limit = default_limit);

    /// The disks and partitions there are now; see `read_block_devices`. Asking a disk for its serial can wait for it,
    /// so this is done off the loop.
    awaitable<result<std::vector<block_device>>> list_blocks();

    device_counters counters() const noexcept;

private:
    void shutdown() noexcept override;

    class implementation;
    std::unique_ptr<implementation> impl_;
};

}  // namespace vminit::devices
