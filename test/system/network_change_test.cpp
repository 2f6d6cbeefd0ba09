// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network_change.hpp"

#include <sched.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/system/network_state.hpp"

using namespace vminit;
using namespace vminit::system;

namespace {

network_request asked(network_action action, std::string device, std::string address, std::string gateway = {}) {
    network_request request;
    request.action = action;
    request.device = std::move(device);
    request.address = std::move(address);
    request.gateway = std::move(gateway);
    return request;
}

std::string refusal(const network_request& request) {
    auto change = parse_network_change(request);
    return change ? "accepted" : change.error().context();
}

std::string changed(const network_request& request) {
    auto change = parse_network_change(request);
    if (!change) return change.error().message();
    auto outcome = change_network(*change, "/nonexistent/resolv.conf");
    return outcome ? "changed" : outcome.error().message();
}

}  // namespace

TEST_CASE("changes of a network are read from words", "[network]") {
    auto address = parse_network_change(asked(network_action::add_address, "eth0", "10.0.2.15/16"));
    REQUIRE(address);
    CHECK(address->device == "eth0");
    CHECK(address->address.address.to_string() == "10.0.2.15");
    CHECK(address->address.prefix == 16);
    auto route = parse_network_change(asked(network_action::add_route, "", "default", "fd00::1"));
    REQUIRE(route);
    CHECK(route->device.empty());
    CHECK(route->route.network.address.is_v6());
    CHECK(route->route.network.prefix == 0);
    CHECK(route->route.gateway->to_string() == "fd00::1");
    auto direct = parse_network_change(asked(network_action::remove_route, "eth0", "10.1.0.0/16"));
    REQUIRE(direct);
    CHECK_FALSE(direct->route.gateway);
    CHECK(parse_network_change(asked(network_action::read, "", "")));
}

TEST_CASE("words of a change that make no sense are named", "[network]") {
    using enum network_action;
    CHECK(refusal(asked(add_address, "", "10.0.0.1/24")) == "the network device is missing");
    CHECK(refusal(asked(remove_address, "eth0", "")) == "the address is missing");
    CHECK(refusal(asked(add_route, "", "default")) == "the network device is missing");
    CHECK(refusal(asked(add_route, "eth0", "")) == "the network is missing");
    CHECK(refusal(asked(add_address, "a b", "10.0.0.1/24")) == "bad network device \"a b\"");
    CHECK(refusal(asked(add_address, "eth0", "10.0.0.1/24,mtu=68")) == "bad word \"10.0.0.1/24,mtu=68\"");
    CHECK(refusal(asked(add_address, "eth0", "host/24")) == "bad address \"host\"");
    CHECK(refusal(asked(add_route, "eth0", "10.0.0.0/8", "nowhere")) == "bad route \"10.0.0.0/8@nowhere\"");
    network_request names;
    names.action = set_dns;
    names.search = {"bad domain"};
    CHECK(refusal(names) == "bad search domain \"bad domain\"");
    names.search.assign(17, "a.example");
    CHECK(refusal(names) == "more than 16 name servers or domains");
}

TEST_CASE("names that cannot be written are an error", "[network]") {
    network_request names;
    names.action = network_action::set_dns;
    CHECK(changed(names) == "open /nonexistent/resolv.conf: No such file or directory");
    test::temporary_directory directory;
    CHECK(change_network(*parse_network_change(names), directory.path("new")));
    CHECK(read_file(directory.path("new")).value().empty());
}

TEST_CASE("a running network is changed one thing at a time, strictly", "[.][privileged]") {
    using enum network_action;
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    auto address = asked(add_address, "lo", "10.1.0.2/24");
    CHECK(changed(address) == "changed");
    CHECK(changed(address) == "add address 10.1.0.2/24 lo: File exists");
    CHECK(changed(asked(add_address, "lo", "fd00::2/64")) == "changed");
    CHECK(changed(asked(add_address, "eth7", "10.1.0.3/24")) == "network device eth7: not found");
    CHECK(changed(asked(add_route, "", "10.9.0.0/16", "10.77.0.1")) ==
          "add route 10.9.0.0/16 via 10.77.0.1: the gateway is on no network of the machine: failed precondition");
    auto route = asked(add_route, "", "10.9.0.0/16", "10.1.0.7");
    CHECK(changed(route) == "changed");
    CHECK(changed(route) == "add route 10.9.0.0/16 via 10.1.0.7: File exists");
    CHECK(changed(asked(add_route, "lo", "10.8.0.0/16")) == "changed");
    auto state = read_network("/nonexistent").value();
    CHECK(state.links[0].is_up);
    CHECK(std::find(state.links[0].addresses.begin(), state.links[0].addresses.end(), "fd00::2/64") !=
          state.links[0].addresses.end());
    bool is_there = false;
    for (const auto& one : state.routes) is_there |= one.network == "10.9.0.0/16" && one.gateway == "10.1.0.7";
    CHECK(is_there);
    route.action = remove_route;
    CHECK(changed(route) == "changed");
    CHECK(changed(route) == "remove route 10.9.0.0/16 via 10.1.0.7: not found");
    address.action = remove_address;
    CHECK(changed(address) == "changed");
    CHECK(changed(address) == "remove address 10.1.0.2/24 lo: not found");
}
