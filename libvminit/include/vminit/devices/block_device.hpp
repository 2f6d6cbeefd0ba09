// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::devices {

/// A disk or a partition as sysfs shows it.
struct block_device {
    std::string name;    ///< `vda`, `vda1`
    std::string serial;  ///< trimmed; empty if it has none. A partition has its disk's.
    std::string disk;    ///< the disk's name; equal to `name` for a disk
    int partition = 0;   ///< 0 for a disk
    std::uint64_t size = 0;  ///< bytes
    bool is_read_only = false;
};

/// Reads `<sysfs>/block` with partitions, sorted by name. A device that goes away meanwhile is left out.
/// Errors: errno of opening the directory; ENOENT (no block layer yet) is an empty list.
result<std::vector<block_device>> read_block_devices(const std::string& sysfs = "/sys");

/// The name of the first disk with this serial, if there is one. Reads nothing of a disk but its serial, which asks the
/// host. Errors: as `read_block_devices`.
result<std::optional<std::string>> find_disk(std::string_view serial, const std::string& sysfs = "/sys");

/// Whether there is a disk or partition of this name. Errors: as `read_block_devices`.
result<bool> has_block_device(std::string_view name, const std::string& sysfs = "/sys");

/// The name of virtio disk number `index`: 0 is `vda`, 25 `vdz`, 26 `vdaa`, as the kernel counts.
std::string virtio_disk_name(unsigned index);

}  // namespace vminit::devices
