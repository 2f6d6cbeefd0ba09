// SPDX-License-Identifier: Apache-2.0
#include "pod_network_plan.hpp"

#include <catch2/catch.hpp>

#include "vminit/core/kernel_cmdline.hpp"
#include "vminit/system/network_settings.hpp"

using namespace vminit;
using namespace vminit::shim;

namespace {

netns_route route(std::string network, std::string gateway, std::uint32_t metric = 0) {
    netns_route made;
    made.network = std::move(network);
    made.gateway = std::move(gateway);
    made.metric = metric;
    return made;
}

netns_route of_kernel(std::string network) {
    auto made = route(std::move(network), "");
    made.is_of_kernel = true;
    return made;
}

netns_interface interface(std::string name, std::string mac) {
    netns_interface made;
    made.name = std::move(name);
    made.mac = std::move(mac);
    made.mtu = 1500;
    return made;
}

// What CNI's bridge makes, IPv4 and IPv6.
netns_interface bridged() {
    auto made = interface("eth0", "0a:00:00:00:00:01");
    made.mtu = 1400;
    made.addresses = {{"10.1.1.2", 24}, {"fd00:1::2", 64}};
    made.routes = {route("0.0.0.0/0", "10.1.1.1"), of_kernel("10.1.1.0/24"), of_kernel("fd00:1::/64"),
                   route("::/0", "fd00:1::1", 1024)};
    return made;
}

// What CNI's ptp makes: the network behind the gateway.
netns_interface point_to_point() {
    auto made = interface("eth0", "0a:00:00:00:00:01");
    made.addresses = {{"10.1.1.2", 24}};
    made.routes = {route("0.0.0.0/0", "10.1.1.1"), route("10.1.1.0/24", "10.1.1.1"), route("10.1.1.1/32", "")};
    return made;
}

pod_network_plan plan_of(std::vector<netns_interface> interfaces) {
    netns_facts facts;
    facts.interfaces = std::move(interfaces);
    auto plan = plan_pod_network(facts, "vmtest");
    REQUIRE(plan);
    return std::move(*plan);
}

// What vminitd understands of it.
system::network_settings in_guest(const pod_network_plan& plan) {
    std::vector<std::string> links;
    for (const auto& word : plan.kernel_words) {
        REQUIRE(word.starts_with("vminit.net="));
        links.push_back(word.substr(std::string("vminit.net=").size()));
    }
    auto parsed = system::parse_network_settings(kernel_cmdline(""), links);
    for (const auto& problem : parsed.problems) CHECK(problem.message() == "");
    return parsed.settings;
}

}  // namespace

TEST_CASE("an interface becomes a card with its MAC and MTU, and a tap beside it with redirects both ways", "[shim]") {
    auto plan = plan_of({bridged()});
    CHECK(plan.cards == std::vector<vmm::network_card>{{"vmtest-0", "0a:00:00:00:00:01", 1400}});
    CHECK(plan.interfaces == std::vector<std::string>{"eth0"});
    CHECK(plan.ip_commands == "tuntap add dev vmtest-0 mode tap\nlink set dev vmtest-0 mtu 1400 up\n");
    CHECK(
        plan.tc_commands ==
        "qdisc add dev vmtest-0 ingress\n"
        "filter add dev eth0 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev vmtest-0\n"
        "filter add dev vmtest-0 parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev eth0\n");
}

TEST_CASE("the guest is told the addresses and routes that the interface has", "[shim]") {
    CHECK(plan_of({bridged()}).kernel_words ==
          std::vector<std::string>{"vminit.net=0a:00:00:00:00:01,address=10.1.1.2/24,address=fd00:1::2/64,"
                                   "gateway=10.1.1.1,gateway=fd00:1::1"});
    CHECK(plan_of({point_to_point()}).kernel_words ==
          std::vector<std::string>{"vminit.net=0a:00:00:00:00:01,address-only=10.1.1.2/24,route=10.1.1.1/32,"
                                   "gateway=10.1.1.1,route=10.1.1.0/24@10.1.1.1"});
    auto calico = interface("eth0", "0a:00:00:00:00:01");
    calico.addresses = {{"192.168.3.4", 32}};
    calico.routes = {route("0.0.0.0/0", "169.254.1.1"), route("169.254.1.1/32", "")};
    CHECK(plan_of({calico}).kernel_words ==
          std::vector<std::string>{"vminit.net=0a:00:00:00:00:01,address=192.168.3.4/32,route=169.254.1.1/32,"
                                   "gateway=169.254.1.1"});
}

TEST_CASE("vminitd understands each word of a plan", "[shim]") {
    auto settings = in_guest(plan_of({bridged()}));
    REQUIRE(settings.links.size() == 1);
    CHECK(settings.links[0].addresses.size() == 2);
    CHECK(settings.links[0].gateways.size() == 2);
    settings = in_guest(plan_of({point_to_point()}));
    CHECK(settings.links[0].addresses[0].is_alone);
    CHECK(settings.links[0].routes.size() == 2);
    settings = in_guest(plan_user_network());
    CHECK(settings.links[0].gateways.size() == 1);
    CHECK(settings.name_servers.size() == 1);
}

TEST_CASE("of several default routes the guest gets the best of each family", "[shim]") {
    auto first = interface("eth0", "0a:00:00:00:00:01");
    first.routes = {route("0.0.0.0/0", "10.1.1.1", 200), route("10.7.0.0/16", "10.1.1.7")};
    auto second = interface("net1", "0a:00:00:00:00:02");
    second.routes = {route("0.0.0.0/0", "10.2.2.1", 100)};
    auto plan = plan_of({first, second});
    CHECK(plan.kernel_words == std::vector<std::string>{"vminit.net=0a:00:00:00:00:01,route=10.7.0.0/16@10.1.1.7",
                                                        "vminit.net=0a:00:00:00:00:02,gateway=10.2.2.1"});
    CHECK(plan.remarks == std::vector<std::string>{"another default route, of eth0: left out"});
    CHECK(plan.cards[1].tap == "vmtest-1");
    second.routes[0].gateway.clear();  // on the link
    CHECK(plan_of({second}).kernel_words == std::vector<std::string>{"vminit.net=0a:00:00:00:00:02,route=0.0.0.0/0"});
}

TEST_CASE("no interfaces are no cards, and the user network is one without a tap", "[shim]") {
    auto none = plan_of({});
    CHECK(none.cards.empty());
    CHECK(none.kernel_words.empty());
    auto user = plan_user_network();
    REQUIRE(user.cards.size() == 1);
    CHECK(user.cards[0].tap.empty());
    CHECK(user.interfaces.empty());
    CHECK(user.ip_commands.empty());
}

TEST_CASE("more than a VM can have is refused with its number", "[shim]") {
    netns_facts facts;
    SECTION("interfaces") {
        for (std::size_t number = 0; number <= most_interfaces; ++number)
            facts.interfaces.push_back(interface("eth" + std::to_string(number), "0a:00:00:00:00:01"));
        auto plan = plan_pod_network(facts, "vmtest");
        REQUIRE_FALSE(plan);
        CHECK(plan.error().kind() == errc::resource_exhausted);
        CHECK(plan.error().message().starts_with("9 interfaces in the network namespace: a VM has at most 8"));
        facts.interfaces.pop_back();
        CHECK(plan_pod_network(facts, "vmtest"));
    }
    SECTION("routes") {
        facts.interfaces.push_back(bridged());
        for (int number = 0; number < 60; ++number)
            facts.interfaces[0].routes.push_back(route("10." + std::to_string(number) + ".0.0/16", "10.1.1.1"));
        auto plan = plan_pod_network(facts, "vmtest");
        REQUIRE_FALSE(plan);
        CHECK(plan.error().kind() == errc::resource_exhausted);
        CHECK(plan.error().message().find("at most 1400 fit") != std::string::npos);
    }
}
