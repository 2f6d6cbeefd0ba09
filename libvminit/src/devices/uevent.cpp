// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/uevent.hpp"

#include <algorithm>

namespace vminit::devices {

namespace {

std::string_view next_text(std::string_view& message) noexcept {
    auto end = message.find('\0');
    auto text = message.substr(0, end);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
    return text;
}

}  // namespace

std::string_view uevent::property(std::string_view key) const noexcept {
    auto found =
        std::find_if(properties.begin(), properties.end(), [&](const auto& pair) { return pair.first == key; });
    return found == properties.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<uevent> parse_uevent(std::string_view message) {
    if (message.size() > max_uevent_size) return std::nullopt;
    auto header = next_text(message);
    auto at = header.find('@');
    if (at == 0 || at == std::string_view::npos || at + 1 == header.size() || header[at + 1] != '/')
        return std::nullopt;
    uevent event;
    event.action = header.substr(0, at);
    event.devpath = header.substr(at + 1);
    while (!message.empty()) {
        auto pair = next_text(message);
        auto equals = pair.find('=');
        if (equals == 0 || equals == std::string_view::npos) return std::nullopt;
        event.properties.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    event.subsystem = event.property("SUBSYSTEM");
    if (event.property("ACTION") != event.action || event.property("DEVPATH") != event.devpath) return std::nullopt;
    return event;
}

}  // namespace vminit::devices
