// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/network_settings.hpp"

namespace vminit::system {

enum class network_action { read, add_address, remove_address, add_route, remove_route, set_dns };

/// A change of the network as a peer asks for it, in words.
struct network_request {
    network_action action = network_action::read;
    std::string device;
    std::string address;  ///< `10.0.2.15/24`; of a route its network, or `default`
    std::string gateway;
    bool is_onlink = false;
    std::vector<std::string> name_servers;
    std::vector<std::string> search;
};

/// A change that was understood. Words are read as those of `vminit.net=` are.
struct network_change {
    network_action action = network_action::read;
    std::string device;
    interface_address address;
    interface_route route;
    bool is_onlink = false;
    network_settings names;
};

/// Errors: invalid_argument, naming what was not understood or is missing.
result<network_change> parse_network_change(const network_request& request);

/// Blocks. Names go into `resolv_conf`, in place: containers have a bind mount of it, which follows. Errors: those of
/// `add_address` and its like; errno of opening or writing the file.
result<void> change_network(const network_change& change, const std::string& resolv_conf);

}  // namespace vminit::system
