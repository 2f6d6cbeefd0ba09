// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network_state.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <net/if.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>

#include "rtnetlink.hpp"
#include "vminit/core/asio.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/text.hpp"

namespace vminit::system {

namespace {

// Takes the fixed structure at the front of a message; false if it is not whole.
template <class Body>
bool take_body(std::string_view& message, Body& body) {
    if (message.size() < sizeof body) return false;
    std::memcpy(&body, message.data(), sizeof body);
    message.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(sizeof body), message.size()));
    return true;
}

std::uint32_t number_of(std::string_view value) {
    std::uint32_t number = 0;
    std::memcpy(&number, value.data(), std::min(value.size(), sizeof number));
    return number;
}

// Of 4 or 16 bytes; empty for others.
std::string address_text(std::string_view value) {
    asio::ip::address_v4::bytes_type four{};
    asio::ip::address_v6::bytes_type sixteen{};
    if (value.size() == four.size()) {
        std::memcpy(four.data(), value.data(), four.size());
        return asio::ip::address_v4(four).to_string();
    }
    if (value.size() != sixteen.size()) return {};
    std::memcpy(sixteen.data(), value.data(), sixteen.size());
    return asio::ip::address_v6(sixteen).to_string();
}

std::string hardware_text(std::string_view value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    bool is_any = false;
    for (char each : value.substr(0, 32)) {
        auto byte = static_cast<unsigned char>(each);
        is_any = is_any || byte != 0;
        if (!text.empty()) text += ':';
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return is_any ? text : std::string();
}

link_state* link_of(network_state& state, std::uint32_t index) {
    auto found = std::find_if(state.links.begin(), state.links.end(),
                              [&](const link_state& link) { return link.index == index; });
    return found == state.links.end() ? nullptr : &*found;
}

template <class Body>
result<void> read_all(rtnetlink& kernel, std::uint16_t type, std::string_view what, network_state& state,
                      void (*add)(network_state&, std::string_view)) {
    Body body{};
    auto take = [&](std::string_view message) { add(state, message); };
    return kernel.dump(netlink_request(type, NLM_F_DUMP, body), what, take);
}

}  // namespace

void add_link(network_state& state, std::string_view message) {
    struct ifinfomsg body{};
    if (!take_body(message, body) || state.links.size() == most_network_entries) return;
    link_state link;
    link.index = static_cast<std::uint32_t>(body.ifi_index);
    link.is_up = (body.ifi_flags & IFF_UP) != 0;
    for_each_attribute(message, [&](std::uint16_t type, std::string_view value) {
        if (type == IFLA_IFNAME) link.name = value.substr(0, value.find('\0'));
        if (type == IFLA_ADDRESS) link.hardware_address = hardware_text(value);
        if (type == IFLA_MTU) link.mtu = number_of(value);
    });
    state.links.push_back(std::move(link));
}

void add_link_address(network_state& state, std::string_view message) {
    struct ifaddrmsg body{};
    if (!take_body(message, body)) return;
    std::string own, peer;
    for_each_attribute(message, [&](std::uint16_t type, std::string_view value) {
        if (type == IFA_LOCAL) own = address_text(value);
        if (type == IFA_ADDRESS) peer = address_text(value);
    });
    // IPv6 has the one only; where both differ the other end of the link is the second.
    if (own.empty()) own = peer;
    auto* link = link_of(state, body.ifa_index);
    if (own.empty() || link == nullptr || link->addresses.size() == most_network_entries) return;
    link->addresses.push_back(own + "/" + std::to_string(body.ifa_prefixlen));
}

void add_route_of_main_table(network_state& state, std::string_view message) {
    struct rtmsg body{};
    if (!take_body(message, body) || state.routes.size() == most_network_entries) return;
    std::uint32_t table = body.rtm_table;
    route_state route;
    for_each_attribute(message, [&](std::uint16_t type, std::string_view value) {
        if (type == RTA_TABLE) table = number_of(value);
        if (type == RTA_DST) route.network = address_text(value) + "/" + std::to_string(body.rtm_dst_len);
        if (type == RTA_GATEWAY) route.gateway = address_text(value);
        if (type == RTA_PRIORITY) route.metric = number_of(value);
        if (type != RTA_OIF) return;
        if (const auto* link = link_of(state, number_of(value))) route.device = link->name;
    });
    if (table != RT_TABLE_MAIN || (body.rtm_flags & RTM_F_CLONED) != 0) return;
    if (route.network.empty()) route.network = "default";
    state.routes.push_back(std::move(route));
}

void add_names(network_state& state, std::string_view resolv_conf) {
    while (!resolv_conf.empty()) {
        auto line = take_until(resolv_conf, '\n');
        auto words = words_of(line);
        if (words.empty()) continue;
        if (words[0] != "nameserver" && words[0] != "search") continue;
        auto& list = words[0] == "search" ? state.search : state.name_servers;
        if (words[0] == "search") list.clear();  // the last one counts
        for (std::size_t at = 1; at < words.size() && list.size() < most_network_entries; ++at)
            list.emplace_back(words[at]);
    }
}

result<network_state> read_network(const std::string& resolv_conf) {
    auto kernel = rtnetlink::open();
    if (!kernel) return kernel.error();
    network_state state;
    auto read = read_all<struct ifinfomsg>(*kernel, RTM_GETLINK, "network devices", state, add_link);
    if (read) read = read_all<struct ifaddrmsg>(*kernel, RTM_GETADDR, "addresses", state, add_link_address);
    if (read) read = read_all<struct rtmsg>(*kernel, RTM_GETROUTE, "routes", state, add_route_of_main_table);
    if (!read) return read.error();
    if (auto text = read_file(resolv_conf)) add_names(state, *text);
    return state;
}

}  // namespace vminit::system
