// SPDX-License-Identifier: Apache-2.0
#include "netns_facts.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::shim;

namespace {

// As iproute2 6.1 prints them, shortened by the fields that are not read.
constexpr auto addresses = R"([
{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP"],"mtu":65536,"link_type":"loopback","address":"00:00:00:00:00:00",
 "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8,"scope":"host"}]},
{"ifindex":2,"ifname":"tunl0","flags":["NOARP"],"mtu":1480,"link_type":"ipip","addr_info":[]},
{},
{"ifindex":3,"link_index":9,"ifname":"eth0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1400,
 "link_type":"ether","address":"0a:00:00:00:00:01","addr_info":[
  {"family":"inet","local":"10.1.1.2","prefixlen":24,"scope":"global","label":"eth0"},
  {"family":"inet6","local":"fd00::2","prefixlen":64,"scope":"global","nodad":true},
  {"family":"inet6","local":"fe80::800:ff:fe00:1","prefixlen":64,"scope":"link"}]},
{"ifindex":4,"ifname":"eth1","flags":["BROADCAST","MULTICAST"],"mtu":1500,"link_type":"ether",
 "address":"0a:00:00:00:00:02","addr_info":[]},
{"ifindex":5,"ifname":"wg0","flags":["POINTOPOINT","UP"],"mtu":1420,"link_type":"none","addr_info":[]}])";

constexpr auto routes4 = R"([
{"dst":"default","gateway":"10.1.1.1","dev":"eth0","flags":[]},
{"dst":"10.1.1.0/24","gateway":"10.1.1.1","dev":"eth0","prefsrc":"10.1.1.2","flags":[]},
{"dst":"10.1.1.1","dev":"eth0","scope":"link","prefsrc":"10.1.1.2","flags":[]},
{"dst":"10.5.0.0/16","dev":"eth1","scope":"link","flags":[]},
{"dst":"10.8.0.0/16","flags":[],"nexthops":[{"gateway":"10.1.1.1","dev":"eth0","weight":1,"flags":[]}]},
{"type":"unreachable","dst":"10.9.0.0/16","dev":"eth0","flags":[]}])";

constexpr auto routes6 = R"([
{"dst":"fd00::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
{"dst":"fe80::/64","dev":"eth0","protocol":"kernel","metric":256,"flags":[],"pref":"medium"},
{"dst":"default","gateway":"fd00::1","dev":"eth0","metric":1024,"flags":[],"pref":"medium"}])";

netns_route route(std::string network, std::string gateway, std::uint32_t metric, bool is_of_kernel) {
    netns_route made;
    made.network = std::move(network);
    made.gateway = std::move(gateway);
    made.metric = metric;
    made.is_of_kernel = is_of_kernel;
    return made;
}

}  // namespace

TEST_CASE("a network namespace's Ethernet interfaces that are up are read with addresses and routes", "[shim]") {
    auto facts = parse_netns_facts(addresses, routes4, routes6);
    REQUIRE(facts);
    REQUIRE(facts->interfaces.size() == 1);
    const auto& eth0 = facts->interfaces[0];
    CHECK(eth0.name == "eth0");
    CHECK(eth0.mac == "0a:00:00:00:00:01");
    CHECK(eth0.mtu == 1400);
    CHECK(eth0.addresses == std::vector<netns_address>{{"10.1.1.2", 24}, {"fd00::2", 64}});
    CHECK(eth0.routes == std::vector<netns_route>{route("0.0.0.0/0", "10.1.1.1", 0, false),
                                                  route("10.1.1.0/24", "10.1.1.1", 0, false),
                                                  route("10.1.1.1/32", "", 0, false), route("fd00::/64", "", 256, true),
                                                  route("::/0", "fd00::1", 1024, false)});
}

TEST_CASE("what is there and not taken is told, what is no device of anybody's is not", "[shim]") {
    auto facts = parse_netns_facts(addresses, routes4, routes6);
    REQUIRE(facts);
    CHECK(facts->remarks ==
          std::vector<std::string>{"wg0 is no Ethernet device (none): left out",
                                   "route to 10.8.0.0/16: several gateways, or one of the other family: left out"});
}

TEST_CASE("an empty listing is no interfaces, and what ip does not print is refused", "[shim]") {
    for (const auto* nothing : {"", "\n", "[]", "[{}]"}) {
        auto facts = parse_netns_facts(nothing, nothing, nothing);
        REQUIRE(facts);
        CHECK(facts->interfaces.empty());
    }
    for (const auto* wrong : {"{}", "[", "Object \"x\" is unknown"}) {
        CAPTURE(wrong);
        CHECK(parse_netns_facts(wrong, "", "").error().kind() == errc::invalid_argument);
        CHECK(parse_netns_facts("", wrong, "").error().kind() == errc::invalid_argument);
        CHECK(parse_netns_facts("", "", wrong).error().kind() == errc::invalid_argument);
    }
    // Members of other types than expected are as good as missing.
    auto odd = parse_netns_facts(R"([7,{"ifname":1,"flags":"UP"},{"link_type":"ether","flags":["UP"],"mtu":-1,
                                     "addr_info":[3,{"local":4}]}])",
                                 R"([{"dev":[]}])", "");
    REQUIRE(odd);
    REQUIRE(odd->interfaces.size() == 1);
    CHECK(odd->interfaces[0].mtu == 0);
    CHECK(odd->interfaces[0].addresses.empty());
}
