#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/core/result.hpp"

namespace vminit::system {

/// What the kernel command line says of the network:
/// `ip=<client>:<server>:<gw>:<mask>:<host>:<dev>:<autoconf>:<dns0>:<dns1>`.
struct network_settings {
    std::string address;  ///< IPv4, dotted; empty: no interface set-up
    std::string netmask;  ///< dotted; empty: 255.255.255.0
    std::string gateway;  ///< empty: no default route
    std::string hostname;
    std::string device = "eth0";
    std::vector<std::string> name_servers;
    bool wants_metadata_route = false;  ///< `spin.metadata_addr=` is there: a host route to 169.254.169.254

    friend bool operator==(const network_settings&, const network_settings&) = default;
};

/// The first `ip=` word and `spin.metadata_addr=`; nothing without an `ip=` word. Never fails: fields are checked when
/// they are used.
std::optional<network_settings> parse_network_settings(const kernel_cmdline& cmdline);

/// A dotted IPv4 address in host byte order. Errors: invalid_argument `bad IPv4 address "<text>"`.
result<std::uint32_t> parse_ipv4(std::string_view text);

/// A dotted netmask in host byte order; empty is 255.255.255.0. Errors: invalid_argument, also when it is not
/// contiguous.
result<std::uint32_t> parse_netmask(std::string_view text);

/// `nameserver <x>\n` for each.
std::string resolv_conf(const std::vector<std::string>& name_servers);

/// SIOCSIFFLAGS up. Errors: errno `set <device> up`; ENODEV (not_found) when there is no such device.
result<void> set_link_up(const std::string& device);

/// Sets up the interface and the routes, each as far as the settings ask for it; what exists is fine. Does not wait for
/// the device. Returns one error a step that failed.
std::vector<error> apply_network(const network_settings& settings);

bool has_link(const std::string& device);

}  // namespace vminit::system
