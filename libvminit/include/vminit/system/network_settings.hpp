// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/result.hpp"

namespace vminit::system {

/// An address and the length of its network's prefix: `10.0.2.15/24`, `fd00::2/64`.
struct interface_address {
    asio::ip::address address;
    std::uint8_t prefix = 0;
    bool is_alone = false;  ///< no route to its network comes with it

    friend bool operator==(const interface_address&, const interface_address&) = default;
};

/// A route to a network, through a gateway or, without one, on the link.
struct interface_route {
    interface_address network;
    std::optional<asio::ip::address> gateway;

    friend bool operator==(const interface_route&, const interface_route&) = default;
};

/// What one network device is given.
struct link_settings {
    std::string
        device;  ///< its name, or its hardware address (`52:54:00:12:34:56`, lower case), which is longer than any name
    std::vector<interface_address> addresses;
    std::vector<interface_route> routes;      ///< in the order in which they are added
    std::vector<asio::ip::address> gateways;  ///< a default route each; one a family makes sense
    std::optional<std::uint32_t> mtu;

    friend bool operator==(const link_settings&, const link_settings&) = default;
};

/// How the guest is to be reached, and its names.
struct network_settings {
    std::vector<link_settings> links;  ///< one a device, in the order they were named
    std::string hostname;              ///< empty: none was given
    std::vector<asio::ip::address> name_servers;
    std::vector<std::string> search;    ///< domains
    bool wants_metadata_route = false;  ///< a host route to 169.254.169.254 beside each IPv4 default route

    friend bool operator==(const network_settings&, const network_settings&) = default;
};

/// What was understood of the settings, and what was not.
struct parsed_network {
    network_settings settings;
    std::vector<error> problems;  ///< fields that were not understood; the others count
};

/// Reads three sources, in this order:
///
/// - the first `ip=<client>:<server>:<gw>:<mask>:<host>:<dev>:<autoconf>:<dns0>:<dns1>` of the kernel command line,
/// IPv4,
///   where server is ignored, `<dev>` is eth0 by default and `<mask>` 255.255.255.0. Without a client, autoconf `dhcp`,
///   `on` and the like (also as `ip=dhcp`, `ip=<dev>:dhcp`) is a problem, not_implemented, unless the kernel has done
///   it: the device is only set up. `spin.metadata_addr=` asks for the metadata route;
/// - `links`, one device a text:
/// `<device>[,address=A[/N]][,address-only=A[/N]][,route=NETWORK/N[@GATEWAY]][,gateway=A]`
///   `[,mtu=N][,dns=A][,search=DOMAIN]...`, IPv4 and IPv6, every key as often as wanted; without `/N` it is /24 or /64
///   (a route: to that address alone). A device that `ip=` or an earlier text has named gets what is said on top;
/// - `kernel_pnp`, the text of /proc/net/pnp: name servers and domain that a kernel with IP_PNP has found.
///
/// Never fails: what cannot be used is a problem (invalid_argument, naming the field), the rest is used.
parsed_network parse_network_settings(const kernel_cmdline& cmdline, const std::vector<std::string>& links = {},
                                      std::string_view kernel_pnp = {});

/// The length of a dotted IPv4 netmask's prefix; empty is 24. Errors: invalid_argument, also when it is not contiguous.
result<std::uint8_t> parse_netmask(std::string_view text);

/// The text of /etc/resolv.conf: a `search` line if there are domains, then `nameserver <x>` for each.
std::string resolv_conf(const network_settings& settings);

/// The text of /etc/hosts: localhost, and the host's own name with its first address (127.0.1.1 without one).
std::string hosts_file(const network_settings& settings);

}  // namespace vminit::system
