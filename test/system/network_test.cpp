#include "vminit/system/network.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::system;

TEST_CASE("the ip= word is parsed by position", "[network]") {
    auto settings = parse_network_settings(
        kernel_cmdline("quiet ip=10.0.2.15::10.0.2.2:255.255.255.0:box:eth1:none:1.1.1.1:8.8.8.8 ip=9.9.9.9"));
    REQUIRE(settings);
    network_settings expected;
    expected.address = "10.0.2.15";
    expected.gateway = "10.0.2.2";
    expected.netmask = "255.255.255.0";
    expected.hostname = "box";
    expected.device = "eth1";
    expected.name_servers = {"1.1.1.1", "8.8.8.8"};
    CHECK(*settings == expected);
}

TEST_CASE("missing fields of ip= are empty and the device is eth0", "[network]") {
    auto settings = parse_network_settings(kernel_cmdline("ip=10.0.0.2"));
    REQUIRE(settings);
    CHECK(settings->address == "10.0.0.2");
    CHECK(settings->gateway.empty());
    CHECK(settings->netmask.empty());
    CHECK(settings->device == "eth0");
    CHECK(settings->name_servers.empty());
    CHECK_FALSE(settings->wants_metadata_route);

    auto second_server = parse_network_settings(kernel_cmdline("ip=::::::::8.8.4.4 spin.metadata_addr=x"));
    REQUIRE(second_server);
    CHECK(second_server->name_servers == std::vector<std::string>{"8.8.4.4"});
    CHECK(second_server->wants_metadata_route);
    CHECK_FALSE(parse_network_settings(kernel_cmdline("quiet spin.metadata_addr=x")));
}

TEST_CASE("IPv4 addresses are dotted quads and nothing else", "[network]") {
    CHECK(*parse_ipv4("10.0.2.15") == 0x0A00020F);
    CHECK(*parse_ipv4("255.255.255.255") == 0xFFFFFFFF);
    auto bad = GENERATE("", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "1..2.3", "1.2.3.4 ", "1.2.3.0004", "::1");
    CAPTURE(bad);
    auto parsed = parse_ipv4(bad);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message() == "bad IPv4 address \"" + std::string(bad) + "\": invalid argument");
}

TEST_CASE("netmasks are contiguous; none is /24", "[network]") {
    CHECK(*parse_netmask("") == 0xFFFFFF00);
    CHECK(*parse_netmask("255.255.255.252") == 0xFFFFFFFC);
    CHECK(*parse_netmask("0.0.0.0") == 0);
    CHECK(*parse_netmask("255.255.255.255") == 0xFFFFFFFF);
    auto bad = parse_netmask("255.0.255.0");
    REQUIRE_FALSE(bad);
    CHECK(bad.error().message() == "bad netmask \"255.0.255.0\": invalid argument");
    CHECK_FALSE(parse_netmask("24"));
}

TEST_CASE("resolv.conf has one line a server", "[network]") {
    CHECK(resolv_conf({"1.1.1.1", "8.8.8.8"}) == "nameserver 1.1.1.1\nnameserver 8.8.8.8\n");
    CHECK(resolv_conf({}).empty());
}

TEST_CASE("setting up what is not there is an error with its name", "[network]") {
    auto up = set_link_up("no-such-dev");
    REQUIRE_FALSE(up);
    CHECK(up.error().kind() == errc::not_found);
    CHECK(up.error().context() == "SIOCGIFFLAGS no-such-dev");
    CHECK(set_link_up("a-name-that-is-too-long").error().kind() == errc::invalid_argument);
    CHECK_FALSE(has_link("no-such-dev"));
    CHECK(has_link("lo"));
}
