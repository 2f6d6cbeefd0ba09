#include "vminit/devices/block_device.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::devices {

namespace {

constexpr std::size_t attribute_limit = 4096;  // a sysfs attribute is at most a page

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using directory_handle = std::unique_ptr<DIR, close_directory>;

result<std::vector<std::string>> names_in(const std::string& path) {
    auto fd = syscalls::open(path, O_RDONLY | O_DIRECTORY);
    if (!fd) return fd.error();
    directory_handle directory(::fdopendir(fd->get()));
    if (!directory) return error(errc::resource_exhausted, "fdopendir " + path);
    (void)fd->release();
    std::vector<std::string> names;
    while (const auto* entry = ::readdir(directory.get())) {
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    return names;
}

std::string attribute(const std::string& path) {
    auto text = read_file(path, attribute_limit);
    return text ? std::string(trimmed(*text)) : std::string();
}

std::optional<int> partition_number(const std::string& directory) {
    auto text = attribute(directory + "/partition");
    int number = 0;
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc() || end != text.data() + text.size() || number <= 0) return std::nullopt;
    return number;
}

void add_partitions(const std::string& directory, const block_device& disk, std::vector<block_device>& devices) {
    auto names = names_in(directory);
    if (!names) return;  // the disk went away meanwhile
    for (const auto& name : *names) {
        if (!name.starts_with(disk.name)) continue;
        auto number = partition_number(directory + "/" + name);
        if (number) devices.push_back(block_device{name, disk.serial, disk.name, *number});
    }
}

}  // namespace

result<std::vector<block_device>> read_block_devices(const std::string& sysfs) {
    std::string root = sysfs + "/block";
    std::vector<block_device> devices;
    auto names = names_in(root);
    if (!names) {
        if (syscalls::is_errno(names.error(), ENOENT)) return devices;
        return names.error();
    }
    for (const auto& name : *names) {
        block_device disk{name, attribute(root + "/" + name + "/serial"), name, 0};
        add_partitions(root + "/" + name, disk, devices);
        devices.push_back(std::move(disk));
    }
    std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return devices;
}

std::string virtio_disk_name(unsigned index) {
    std::string letters;
    for (long rest = index; rest >= 0; rest = rest / 26 - 1)
        letters.insert(letters.begin(), static_cast<char>('a' + rest % 26));
    return "vd" + letters;
}

}  // namespace vminit::devices
