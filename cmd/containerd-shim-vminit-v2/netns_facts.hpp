// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::shim {

/// An address of an interface, with the length of its network's prefix.
struct netns_address {
    std::string address;
    unsigned prefix = 0;

    friend bool operator==(const netns_address&, const netns_address&) = default;
};

/// A route to a network (`10.1.0.0/24`, `fd00::1/128`, `0.0.0.0/0`), through a gateway or, without one, on the link.
struct netns_route {
    std::string network;
    std::string gateway;
    std::uint32_t metric = 0;
    bool is_of_kernel = false;  ///< came with an address, by itself

    friend bool operator==(const netns_route&, const netns_route&) = default;
};

struct netns_interface {
    std::string name;
    std::string mac;
    std::uint32_t mtu = 0;
    std::vector<netns_address> addresses;  ///< without those of the link (fe80::/10), which follow from the MAC
    std::vector<netns_route> routes;

    friend bool operator==(const netns_interface&, const netns_interface&) = default;
};

/// What a network namespace has: its Ethernet interfaces that are up, in the order in which they were made.
struct netns_facts {
    std::vector<netns_interface> interfaces;
    std::vector<std::string> remarks;  ///< what is there and not taken, for the log
};

/// Reads what `ip -json address show`, `ip -4 -json route show` and `ip -6 -json route show` print. Pure. Errors:
/// invalid_argument for what is not their output.
result<netns_facts> parse_netns_facts(std::string_view addresses, std::string_view routes4, std::string_view routes6);

}  // namespace vminit::shim
