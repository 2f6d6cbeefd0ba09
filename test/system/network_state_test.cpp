// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network_state.hpp"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>

using namespace vminit;
using namespace vminit::system;

namespace {

// A message as the kernel makes it: a structure, then attributes.
template <class Body>
std::string message(const Body& body) {
    std::string bytes(reinterpret_cast<const char*>(&body), sizeof body);
    bytes.resize(NLMSG_ALIGN(bytes.size()));
    return bytes;
}

std::string& add(std::string& bytes, std::uint16_t type, std::string_view value) {
    struct rtattr header{};
    header.rta_type = type;
    header.rta_len = static_cast<unsigned short>(RTA_LENGTH(value.size()));
    bytes.append(reinterpret_cast<const char*>(&header), sizeof header).append(value);
    bytes.resize(RTA_ALIGN(bytes.size()));
    return bytes;
}

std::string number(std::uint32_t value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

std::string link_message(int index, std::string_view name, unsigned flags) {
    struct ifinfomsg body{};
    body.ifi_index = index;
    body.ifi_flags = flags;
    auto bytes = message(body);
    add(bytes, IFLA_IFNAME, std::string(name) + '\0');
    add(bytes, IFLA_MTU, number(1400));
    return add(bytes, IFLA_ADDRESS, std::string_view("\x52\x54\x00\x12\x34\x56", 6));
}

std::string route_message(std::string_view network, std::uint8_t prefix, std::uint8_t table) {
    struct rtmsg body{};
    body.rtm_dst_len = prefix;
    body.rtm_table = table;
    auto bytes = message(body);
    if (!network.empty()) add(bytes, RTA_DST, network);
    add(bytes, RTA_OIF, number(2));
    return bytes;
}

}  // namespace

TEST_CASE("devices, addresses and routes are read from the kernel's messages", "[network]") {
    network_state state;
    add_link(state, link_message(1, "lo", 0));
    add_link(state, link_message(2, "eth0", IFF_UP));
    struct ifaddrmsg body{};
    body.ifa_index = 2;
    body.ifa_prefixlen = 24;
    auto address = message(body);
    add(address, IFA_ADDRESS, std::string_view("\x0a\x00\x02\x01", 4));
    add_link_address(state, add(address, IFA_LOCAL, std::string_view("\x0a\x00\x02\x0f", 4)));
    body.ifa_prefixlen = 64;
    auto sixteen = message(body);
    add_link_address(state, add(sixteen, IFA_ADDRESS, std::string("\xfd") + std::string(14, '\0') + "\x02"));
    body.ifa_index = 7;
    auto elsewhere = message(body);
    add_link_address(state, add(elsewhere, IFA_LOCAL, "abcd"));
    REQUIRE(state.links.size() == 2);
    CHECK_FALSE(state.links[0].is_up);
    CHECK(state.links[1].name == "eth0");
    CHECK(state.links[1].is_up);
    CHECK(state.links[1].mtu == 1400);
    CHECK(state.links[1].hardware_address == "52:54:00:12:34:56");
    CHECK(state.links[1].addresses == std::vector<std::string>{"10.0.2.15/24", "fd00::2/64"});
    auto route = route_message({}, 0, RT_TABLE_MAIN);
    add(route, RTA_GATEWAY, std::string_view("\x0a\x00\x02\x02", 4));
    add_route_of_main_table(state, add(route, RTA_PRIORITY, number(100)));
    add_route_of_main_table(state, route_message(std::string_view("\x0a\x01\x00\x00", 4), 16, RT_TABLE_MAIN));
    add_route_of_main_table(state, route_message(std::string_view("\x7f\x00\x00\x01", 4), 32, RT_TABLE_LOCAL));
    REQUIRE(state.routes.size() == 2);
    CHECK(state.routes[0].network == "default");
    CHECK(state.routes[0].gateway == "10.0.2.2");
    CHECK(state.routes[0].device == "eth0");
    CHECK(state.routes[0].metric == 100);
    CHECK(state.routes[1].network == "10.1.0.0/16");
    CHECK(state.routes[1].gateway.empty());
}

TEST_CASE("a message that is cut off adds nothing that is not there", "[network]") {
    auto whole = link_message(2, "eth0", IFF_UP);
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        network_state state;
        add_link(state, whole.substr(0, size));
        CHECK(state.links.size() == (size < sizeof(struct ifinfomsg) ? 0 : 1));
        add_link_address(state, whole.substr(0, size));
        add_route_of_main_table(state, whole.substr(0, size));
    }
    // A length that leads nowhere.
    auto bytes = message(ifinfomsg{});
    bytes.append("\x00\x00\x03\x00", 4);
    network_state state;
    add_link(state, bytes);
    CHECK(state.links[0].name.empty());
}

TEST_CASE("names are read from a resolv.conf", "[network]") {
    network_state state;
    add_names(state,
              "# nameserver 1.1.1.1\nsearch old.example\nnameserver\t10.0.2.3 \n\nsearch a.example  "
              "b.example\nnameserver fd00::3");
    CHECK(state.name_servers == std::vector<std::string>{"10.0.2.3", "fd00::3"});
    CHECK(state.search == std::vector<std::string>{"a.example", "b.example"});
}

TEST_CASE("the network of this machine can be read", "[network]") {
    auto state = read_network("/nonexistent");
    REQUIRE(state);
    REQUIRE_FALSE(state->links.empty());
    CHECK(state->links[0].name == "lo");
    CHECK(state->links[0].hardware_address.empty());
    CHECK(state->name_servers.empty());
}
