// SPDX-License-Identifier: Apache-2.0
#include "pod_network_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <map>

namespace vminit::shim {

namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t longest_words = 1400;  // of a kernel command line's 2047; the others have room enough then
constexpr const char* user_mac = "52:54:00:12:34:56";

bool is_v6(const std::string& address) { return address.find(':') != std::string::npos; }

bool is_everywhere(const netns_route& route) { return route.network == "0.0.0.0/0" || route.network == "::/0"; }

// `10.1.0.2` and 24 make `10.1.0.0/24`.
std::string network_of(const netns_address& of) {
    error_code failure;
    auto address = ip::make_address(of.address, failure);
    auto length = static_cast<unsigned short>(of.prefix);
    if (failure || length > (address.is_v4() ? 32 : 128)) return {};
    if (address.is_v4()) return ip::network_v4(address.to_v4(), length).canonical().to_string();
    return ip::network_v6(address.to_v6(), length).canonical().to_string();
}

// CNI's ptp takes the route away that came with the address, so that neighbours are reached through the gateway.
bool has_network_route(const netns_interface& interface, const netns_address& address) {
    if (address.prefix == (is_v6(address.address) ? 128u : 32u)) return true;
    auto network = network_of(address);
    return std::any_of(interface.routes.begin(), interface.routes.end(),
                       [&](const auto& route) { return route.is_of_kernel && route.network == network; });
}

/// Which default route is the best of each family: the guest's have no metrics, so only that one is taken over.
class best_defaults {
public:
    explicit best_defaults(const netns_facts& facts) {
        for (const auto& interface : facts.interfaces) {
            for (const auto& route : interface.routes) {
                if (!is_everywhere(route)) continue;
                auto [best, is_new] = best_.try_emplace(route.network, &route);
                if (!is_new && route.metric < best->second->metric) best->second = &route;
            }
        }
    }
    bool has(const netns_route& route) const {
        auto found = best_.find(route.network);
        return found != best_.end() && found->second == &route;
    }

private:
    std::map<std::string, const netns_route*> best_;
};

class planner {
public:
    planner(const netns_facts& facts, const std::string& prefix) : defaults_(facts), prefix_(prefix) {
        plan_.remarks = facts.remarks;
    }

    void add(const netns_interface& interface) {
        auto tap = fmt::format("{}-{}", prefix_, plan_.cards.size());
        plan_.kernel_words.push_back(words_of(interface));
        plan_.interfaces.push_back(interface.name);
        plan_.ip_commands +=
            fmt::format("tuntap add dev {0} mode tap\nlink set dev {0} mtu {1} up\n", tap, interface.mtu);
        plan_.tc_commands += fmt::format("qdisc add dev {} ingress\n", tap);
        redirect(interface.name, tap);
        redirect(tap, interface.name);
        plan_.cards.emplace_back(std::move(tap), interface.mac, interface.mtu);
    }

    pod_network_plan take() && { return std::move(plan_); }

private:
    void redirect(const std::string& from, const std::string& to) {
        plan_.tc_commands += fmt::format(
            "filter add dev {} parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev {}\n",
            from, to);
    }

    std::string words_of(const netns_interface& interface) {
        auto words = "vminit.net=" + interface.mac;
        for (const auto& each : interface.addresses) {
            auto key = has_network_route(interface, each) ? "address" : "address-only";
            words += fmt::format(",{}={}/{}", key, each.address, each.prefix);
        }
        // A gateway must be reachable before a route can lead through it.
        for (const auto& route : interface.routes) {
            if (route.gateway.empty() && !route.is_of_kernel) words += route_word(interface, route);
        }
        for (const auto& route : interface.routes) {
            if (!route.gateway.empty()) words += route_word(interface, route);
        }
        return words;
    }

    std::string route_word(const netns_interface& interface, const netns_route& route) {
        if (is_everywhere(route) && !defaults_.has(route)) {
            plan_.remarks.push_back(fmt::format("another default route, of {}: left out", interface.name));
            return {};
        }
        if (is_everywhere(route) && !route.gateway.empty()) return ",gateway=" + route.gateway;
        return fmt::format(",route={}{}{}", route.network, route.gateway.empty() ? "" : "@", route.gateway);
    }

    best_defaults defaults_;
    const std::string& prefix_;
    pod_network_plan plan_;
};

}  // namespace

result<pod_network_plan> plan_pod_network(const netns_facts& facts, const std::string& prefix) {
    auto count = facts.interfaces.size();
    if (count > most_interfaces) {
        return error(
            errc::resource_exhausted,
            fmt::format("{} interfaces in the network namespace: a VM has at most {}", count, most_interfaces));
    }
    planner planner(facts, prefix);
    for (const auto& interface : facts.interfaces) planner.add(interface);
    auto plan = std::move(planner).take();
    std::size_t bytes = 0;
    for (const auto& words : plan.kernel_words) bytes += words.size() + 1;
    if (bytes > longest_words) {
        return error(errc::resource_exhausted,
                     fmt::format("addresses and routes of the network namespace take {} bytes: at most {} fit on a "
                                 "kernel's command line",
                                 bytes, longest_words));
    }
    return plan;
}

pod_network_plan plan_user_network() {
    pod_network_plan plan;
    plan.cards.emplace_back(std::string(), user_mac, 0);
    // What QEMU's user network gives to its first guest (qemu(1), -netdev user).
    plan.kernel_words.push_back(
        fmt::format("vminit.net={},address=10.0.2.15/24,gateway=10.0.2.2,dns=10.0.2.3", user_mac));
    return plan;
}

}  // namespace vminit::shim
