// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

/// The network as it is, from rtnetlink(7) and resolv.conf. Texts are as people write them.
namespace vminit::system {

/// A network device.
struct link_state {
    std::uint32_t index = 0;
    std::string name;
    std::string hardware_address;  ///< `52:54:00:12:34:56`; empty if it has none
    std::uint32_t mtu = 0;
    bool is_up = false;
    std::vector<std::string> addresses;  ///< `10.0.2.15/24`
};

/// A route of the main table.
struct route_state {
    std::string network;  ///< `10.1.0.0/16`, `default`
    std::string gateway;  ///< empty: on the link
    std::string device;   ///< empty: none (a route that refuses)
    std::uint32_t metric = 0;
};

/// All that was read at one moment.
struct network_state {
    std::vector<link_state> links;    ///< by index
    std::vector<route_state> routes;  ///< of the main table
    std::vector<std::string> name_servers;
    std::vector<std::string> search;
};

/// Of each kind: more are left out.
inline constexpr std::size_t most_network_entries = 1024;

/// Not for the loop: it reads a file. Without `resolv_conf` there are no name servers. Errors: errno `read <kind>`.
result<network_state> read_network(const std::string& resolv_conf);

/// The answers of the kernel, one message each without its header. What is not understood adds nothing.
void add_link(network_state& state, std::string_view message);
void add_link_address(network_state& state, std::string_view message);
void add_route_of_main_table(network_state& state, std::string_view message);

/// The lines `nameserver` and `search` of a resolv.conf.
void add_names(network_state& state, std::string_view resolv_conf);

}  // namespace vminit::system
