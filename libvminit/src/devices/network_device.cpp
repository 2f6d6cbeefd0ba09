// SPDX-License-Identifier: Apache-2.0
#include "network_device.hpp"

#include <charconv>

#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"

namespace vminit::devices {

namespace {

std::optional<network_device> named(const std::string& directory, const std::string& name) {
    auto text = read_file(directory + "/" + name + "/ifindex");
    if (!text) return std::nullopt;
    auto digits = trimmed(*text);
    network_device device{name, 0};
    std::from_chars(digits.data(), digits.data() + digits.size(), device.index);
    if (device.index == 0) return std::nullopt;
    return device;
}

}  // namespace

std::optional<network_device> find_network_device(const std::string& sysfs, const std::string& device) {
    auto directory = sysfs + "/class/net";
    if (auto found = named(directory, device)) return found;
    if (device.find(':') == std::string::npos) return std::nullopt;
    std::optional<network_device> first;
    auto names = names_in(directory);
    if (!names) return first;
    for (const auto& name : *names) {
        auto address = read_file(directory + "/" + name + "/address");
        if (!address || trimmed(*address) != device) continue;
        auto found = named(directory, name);
        if (found && (!first || found->index < first->index)) first = std::move(found);
    }
    return first;
}

}  // namespace vminit::devices
