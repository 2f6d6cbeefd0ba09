// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/block_device.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <optional>

#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/text.hpp"

namespace vminit::devices {

namespace {

constexpr std::uint64_t sector_bytes = 512;  // of the attribute `size`, whatever the device's own sectors are

constexpr std::size_t attribute_limit = 4096;  // a sysfs attribute is at most a page

std::string attribute(const std::string& path) {
    auto text = read_file(path, attribute_limit);
    return text ? std::string(trimmed(*text)) : std::string();
}

template <class Number>
std::optional<Number> number_in(const std::string& path) {
    return parse_number<Number>(attribute(path));
}

std::optional<int> partition_number(const std::string& directory) {
    auto number = number_in<int>(directory + "/partition");
    return number && *number > 0 ? number : std::nullopt;
}

// A size that cannot be read is 0, as that of a drive without a medium.
void describe(const std::string& directory, block_device& device) {
    auto sectors = number_in<std::uint64_t>(directory + "/size").value_or(0);
    device.size = std::min(sectors, std::numeric_limits<std::uint64_t>::max() / sector_bytes) * sector_bytes;
    device.is_read_only = attribute(directory + "/ro") == "1";
}

void add_partitions(const std::string& directory, const block_device& disk, std::vector<block_device>& devices) {
    auto names = names_in(directory);
    if (!names) return;  // the disk went away meanwhile
    for (const auto& name : *names) {
        if (!name.starts_with(disk.name)) continue;
        auto number = partition_number(directory + "/" + name);
        if (!number) continue;
        auto& added = devices.emplace_back(disk);
        added.name = name;
        added.partition = *number;
        describe(directory + "/" + name, added);
    }
}

// In order; none if there is no block layer yet.
result<std::vector<std::string>> disk_names(const std::string& root) {
    auto names = names_in(root);
    if (!names && syscalls::is_errno(names.error(), ENOENT)) return std::vector<std::string>();
    return names;
}

}  // namespace

result<std::vector<block_device>> read_block_devices(const std::string& sysfs) {
    std::string root = sysfs + "/block";
    std::vector<block_device> devices;
    auto names = disk_names(root);
    if (!names) return names.error();
    for (const auto& name : *names) {
        block_device disk;
        disk.name = name;
        disk.serial = attribute(root + "/" + name + "/serial");
        disk.disk = name;
        describe(root + "/" + name, disk);
        devices.push_back(disk);
        add_partitions(root + "/" + name, disk, devices);
    }
    std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return devices;
}

result<std::optional<std::string>> find_disk(std::string_view serial, const std::string& sysfs) {
    std::string root = sysfs + "/block";
    auto names = disk_names(root);
    if (!names) return names.error();
    for (auto& name : *names) {
        if (!serial.empty() && attribute(root + "/" + name + "/serial") == serial)
            return std::optional(std::move(name));
    }
    return std::optional<std::string>();
}

result<bool> has_block_device(std::string_view name, const std::string& sysfs) {
    std::string root = sysfs + "/block";
    auto names = disk_names(root);
    if (!names) return names.error();
    if (name.find('/') != std::string_view::npos) return false;
    return std::any_of(names->begin(), names->end(), [&](const auto& disk) {
        if (!name.starts_with(disk)) return false;
        return name == disk || partition_number(root + "/" + disk + "/" + std::string(name)).has_value();
    });
}

std::string virtio_disk_name(unsigned index) {
    std::string letters;
    for (long rest = index; rest >= 0; rest = rest / 26 - 1)
        letters.insert(letters.begin(), static_cast<char>('a' + rest % 26));
    return "vd" + letters;
}

}  // namespace vminit::devices
