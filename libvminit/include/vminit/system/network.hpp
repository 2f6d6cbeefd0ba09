// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/system/network_settings.hpp"

/// Network devices, addresses and routes through rtnetlink(7). The calls return at once; a device must be there.
namespace vminit::system {

/// Errors: errno `set up <device>`; not_found when there is no such device; invalid_argument for a bad name.
result<void> set_link_up(const std::string& device);

/// Sets MTU, up, addresses, routes, default routes and, if asked for, the metadata route of one device. Each step is
/// tried whatever became of the others; what exists is fine. A gateway outside the device's networks is reached on the
/// link all the same. Returns one error a step that failed.
std::vector<error> apply_link(const link_settings& link, bool wants_metadata_route);

/// One change of a running machine, told strictly: what exists already exists (already_exists), what is to be removed
/// must be there (not_found), and a gateway must be on a network of the machine (failed_precondition), unless
/// `is_onlink`. Errors besides: not_found for a device, invalid_argument for its name, errno; the context says what was
/// tried. Adding an address sets its device up.
result<void> add_address(const std::string& device, const interface_address& address);
result<void> remove_address(const std::string& device, const interface_address& address);

/// `device` may be empty if there is a gateway, or to remove.
result<void> add_route(const std::string& device, const interface_route& route, bool is_onlink);
result<void> remove_route(const std::string& device, const interface_route& route);

bool has_link(const std::string& device);

}  // namespace vminit::system
