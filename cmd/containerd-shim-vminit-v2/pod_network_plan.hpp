// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "netns_facts.hpp"
#include "vminit/core/result.hpp"
#include "vminit/vmm/vm_plan.hpp"

namespace vminit::shim {

/// How the interfaces of a network namespace become the VM's cards: beside each there is a tap, and what comes in at
/// one goes out at the other (`tc` redirects). The guest takes MAC, MTU, addresses and routes over; the namespace's own
/// stack sees nothing any more.
struct pod_network_plan {
    std::vector<vmm::network_card> cards;
    std::vector<std::string> kernel_words;  ///< `vminit.net=...`, one for each card
    std::vector<std::string> interfaces;    ///< which are redirected, in the order of the cards
    std::string ip_commands;                ///< for `ip -batch`: makes the taps
    std::string tc_commands;                ///< for `tc -batch`: redirects; the interfaces have their ingress by then
    std::vector<std::string> remarks;       ///< what was left out, for the log
};

/// At most as many interfaces as this become cards.
inline constexpr std::size_t most_interfaces = 8;

/// Pure. `prefix` begins the taps' names and is unique on this machine, at most 13 bytes. Errors: resource_exhausted
/// for more interfaces than `most_interfaces`, or more addresses and routes than a kernel command line has room for.
result<pod_network_plan> plan_pod_network(const netns_facts& facts, const std::string& prefix);

/// The same with QEMU's user network: one card.
pod_network_plan plan_user_network();

}  // namespace vminit::shim
