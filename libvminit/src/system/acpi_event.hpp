// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What the kernel's generic netlink (genetlink) says of ACPI events: pure functions from datagrams to facts. A datagram
/// that is not whole is as one that says nothing.
namespace vminit::system {

/// Where ACPI events come from: numbers that the kernel gives out as it boots.
struct acpi_event_source {
    std::uint16_t family = 0;
    std::uint32_t group = 0;
};

/// The request for them (CTRL_CMD_GETFAMILY), to be sent to the kernel.
std::string acpi_family_request();

/// What the answer says.
std::optional<acpi_event_source> parse_acpi_family(std::string_view datagram);

/// Whether the datagram is a whole event of that family.
bool is_acpi_event(std::string_view datagram, std::uint16_t family);

/// Whether it is one of a power button.
bool is_power_button_event(std::string_view datagram, std::uint16_t family);

}  // namespace vminit::system
