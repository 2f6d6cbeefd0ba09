// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fake_machine.hpp"
#include "program.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::program;
namespace own = vminit::system::v1;

namespace {

void fill(own::NetworkResponse& network) {
    auto& link = *network.add_links();
    link.set_name("eth0");
    link.set_mtu(1500);
    link.set_up(true);
    link.set_hardware_address("52:54:00:12:34:56");
    link.add_addresses("10.0.2.15/24");
    link.add_addresses("fd00::15/64");
    auto& route = *network.add_routes();
    route.set_network("default");
    route.set_gateway("10.0.2.2");
    route.set_device("eth0");
    network.add_name_servers("10.0.2.3");
}

std::string usage_error(std::vector<std::string> arguments) {
    command_set commands;
    add_commands(commands);
    invocation invoked;
    arguments.insert(arguments.begin(), "--address=unix:///x");
    auto stop = commands.parse(std::move(arguments), invoked);
    return stop ? stop->text : "accepted";
}

}  // namespace

TEST_CASE("network shows devices, routes and name servers", "[vminitctl]") {
    program terminal;
    fill(terminal.guest.machine->network);
    CHECK(terminal.run({"network"}) == 0);
    CHECK(terminal.output.out_text() ==
          "DEVICE  STATE   MTU  HARDWARE ADDRESS   ADDRESSES\n"
          "eth0    up     1500  52:54:00:12:34:56  10.0.2.15/24 fd00::15/64\n"
          "\n"
          "NETWORK  GATEWAY   DEVICE  METRIC\n"
          "default  10.0.2.2  eth0         0\n"
          "\n"
          "name servers:  10.0.2.3\n"
          "search:        -\n");
    program machine;
    fill(machine.guest.machine->network);
    CHECK(machine.run({"network", "--json"}) == 0);
    auto facts = machine.out_json().as_object();
    CHECK(facts["links"].as_array()[0].as_object()["addresses"].as_array().size() == 2);
    CHECK(facts["routes"].as_array()[0].as_object()["gateway"] == "10.0.2.2");
    CHECK(facts["name_servers"].as_array()[0] == "10.0.2.3");
    CHECK(machine.guest.machine->network_asked.action() == own::NetworkRequest::READ);
}

TEST_CASE("network asks for one change, and says nothing when it is made", "[vminitctl]") {
    program terminal;
    auto& asked = terminal.guest.machine->network_asked;
    SECTION("an address") {
        bool is_add = GENERATE(true, false);
        CHECK(terminal.run({"network", "address", is_add ? "add" : "del", "eth0", "fd00::2/64"}) == 0);
        CHECK(asked.action() == (is_add ? own::NetworkRequest::ADD_ADDRESS : own::NetworkRequest::REMOVE_ADDRESS));
        CHECK(asked.device() == "eth0");
        CHECK(asked.address() == "fd00::2/64");
    }
    SECTION("a route") {
        CHECK(terminal.run(
                  {"network", "route", "add", "default", "--via", "10.0.2.2", "--onlink", "--device", "eth0"}) == 0);
        CHECK(asked.action() == own::NetworkRequest::ADD_ROUTE);
        CHECK(asked.address() == "default");
        CHECK(asked.gateway() == "10.0.2.2");
        CHECK(asked.device() == "eth0");
        CHECK(asked.onlink());
    }
    SECTION("a route less") {
        CHECK(terminal.run({"network", "route", "del", "10.1.0.0/16"}) == 0);
        CHECK(asked.action() == own::NetworkRequest::REMOVE_ROUTE);
        CHECK(asked.gateway().empty());
    }
    SECTION("names") {
        CHECK(terminal.run({"network", "dns", "set", "10.0.2.3", "fd00::3", "--search", "a.example", "--search",
                            "b.example"}) == 0);
        CHECK(asked.action() == own::NetworkRequest::SET_DNS);
        CHECK(asked.name_servers_size() == 2);
        CHECK(asked.search_size() == 2);
    }
    SECTION("no names") {
        CHECK(terminal.run({"network", "dns", "set"}) == 0);
        CHECK(asked.action() == own::NetworkRequest::SET_DNS);
        CHECK(asked.name_servers_size() == 0);
    }
    CHECK(terminal.output.out_text().empty());
}

TEST_CASE("network refuses what is not whole, and says what the guest says", "[vminitctl]") {
    CHECK(usage_error({"network", "address", "add", "eth0"}).find("ADDRESS is required") != std::string::npos);
    CHECK(usage_error({"network", "route", "ad", "default"}).find("there is no command \"ad\"; did you mean add?") !=
          std::string::npos);
    CHECK(usage_error({"network", "dns"}).find("subcommand is required") != std::string::npos);
    program terminal;
    terminal.guest.failures["Network"] = error(errc::not_found, "network device eth9");
    CHECK(terminal.run({"network", "address", "add", "eth9", "10.0.0.1/8"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: not found: network device eth9\n");
}
