// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network_settings.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::system;

namespace {

parsed_network parse(std::string_view cmdline, const std::vector<std::string>& links = {}) {
    return parse_network_settings(kernel_cmdline(cmdline), links);
}

asio::ip::address address(const char* text) { return asio::ip::make_address(text); }

std::vector<std::string> problems_of(const parsed_network& parsed) {
    std::vector<std::string> texts;
    for (const auto& problem : parsed.problems) texts.push_back(problem.context());
    return texts;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("the ip= word is parsed by position", "[network]") {
    auto parsed = parse("quiet ip=10.0.2.15::10.0.2.2:255.255.0.0:box:eth1:none:1.1.1.1:8.8.8.8 ip=9.9.9.9");
    CHECK(parsed.problems.empty());
    network_settings expected;
    link_settings link;
    link.device = "eth1";
    link.addresses = {{address("10.0.2.15"), 16}};
    link.gateways = {address("10.0.2.2")};
    expected.links = {link};
    expected.hostname = "box";
    expected.name_servers = {address("1.1.1.1"), address("8.8.8.8")};
    CHECK(parsed.settings == expected);
}

TEST_CASE("missing fields of ip= are empty, the device is eth0 and the mask a /24", "[network]") {
    auto parsed = parse("ip=10.0.0.2");
    REQUIRE(parsed.settings.links.size() == 1);
    const auto& link = parsed.settings.links[0];
    CHECK(link.device == "eth0");
    CHECK(link.addresses == std::vector<interface_address>{{address("10.0.0.2"), 24}});
    CHECK(link.gateways.empty());
    CHECK_FALSE(link.mtu);
    CHECK(parsed.settings.name_servers.empty());
    CHECK_FALSE(parsed.settings.wants_metadata_route);

    auto second_server = parse("ip=::::::::8.8.4.4 spin.metadata_addr=x");
    CHECK(second_server.settings.links.empty());
    CHECK(second_server.settings.name_servers == std::vector{address("8.8.4.4")});
    CHECK(second_server.settings.wants_metadata_route);

    auto route_only = parse("ip=::10.0.0.1");
    REQUIRE(route_only.settings.links.size() == 1);
    CHECK(route_only.settings.links[0].addresses.empty());
    CHECK(route_only.settings.links[0].gateways == std::vector{address("10.0.0.1")});
    CHECK(parse("quiet").settings == network_settings());
}

TEST_CASE("ip= that asks for DHCP sets the device up and is told that there is no client", "[network]") {
    auto [word, device] = GENERATE(table<std::string, std::string>({{"dhcp", "eth0"},
                                                                    {"on", "eth0"},
                                                                    {"any", "eth0"},
                                                                    {"dhcp,01:02:03", "eth0"},
                                                                    {":::::eth0:dhcp", "eth0"},
                                                                    {":::::eth1:on", "eth1"},
                                                                    {"::::::on", "eth0"},
                                                                    {"::::::bootp", "eth0"},
                                                                    {"eth1:dhcp", "eth1"},
                                                                    {"::10.0.2.2::box:eth1:both", "eth1"}}));
    CAPTURE(word);
    auto parsed = parse("ip=" + word);
    REQUIRE(parsed.problems.size() == 1);
    CHECK(parsed.problems[0].message() ==
          "ip=" + word + ": no DHCP client, " + device + " gets no address but what is given: not implemented");
    REQUIRE(parsed.settings.links.size() == 1);
    CHECK(parsed.settings.links[0].device == device);
    CHECK(parsed.settings.links[0].addresses.empty());
    // The kernel has been there before us.
    auto by_kernel = parse_network_settings(kernel_cmdline("ip=" + word), {}, "#PROTO: DHCP\nnameserver 10.0.2.3\n");
    CHECK(by_kernel.problems.empty());
    CHECK(by_kernel.settings.links.size() == 1);
}

TEST_CASE("ip= that asks for nothing, or has its address, is no problem", "[network]") {
    for (const char* word : {"off", "none", "::::::off", "", ":::::::"}) {
        CAPTURE(word);
        CHECK(parse("ip=" + std::string(word)).problems.empty());
        CHECK(parse("ip=" + std::string(word)).settings.links.empty());
    }
    auto addressed = parse("ip=10.0.0.2:::::eth0:dhcp");
    CHECK(addressed.problems.empty());
    CHECK(addressed.settings.links.at(0).addresses.size() == 1);
    // A device that is named is set up, whatever else is said.
    CHECK(parse("ip=:::::eth1:off").settings.links.at(0).device == "eth1");
}

TEST_CASE("name servers that the kernel has found come after those we were given", "[network]") {
    auto text = "#PROTO: DHCP\ndomain corp.example\nnameserver 10.0.2.3\nnameserver 1.1.1.1\nbootserver 10.0.2.2\n";
    auto parsed = parse_network_settings(kernel_cmdline("ip=dhcp"), {"eth0,dns=1.1.1.1,search=a.example"}, text);
    CHECK(parsed.problems.empty());
    CHECK(parsed.settings.name_servers == std::vector{address("1.1.1.1"), address("10.0.2.3")});
    CHECK(parsed.settings.search == names{"a.example", "corp.example"});
    CHECK(parse_network_settings({}, {}, "#MANUAL\nnameserver\nnameserver x\ndomain a b\n\n").settings.search.empty());
    CHECK(problems_of(parse_network_settings(kernel_cmdline("ip=dhcp"), {}, "#MANUAL\n")).size() == 1);
}

TEST_CASE("a device may be named by its hardware address", "[network]") {
    auto parsed = parse("", {"52:54:00:AB:cd:EF,mtu=1400", "52:54:00:ab:cd:ef,address=10.0.0.2"});
    CHECK(parsed.problems.empty());
    REQUIRE(parsed.settings.links.size() == 1);
    CHECK(parsed.settings.links[0].device == "52:54:00:ab:cd:ef");
    CHECK(parsed.settings.links[0].addresses.size() == 1);
    for (const char* bad : {"52:54:00:ab:cd:eg", "52:54:00:ab:cd:e", "52-54-00-ab-cd-ef", "52:54:00:ab:cd:ef:"}) {
        CAPTURE(bad);
        CHECK(parse("", {bad}).settings.links.size() == (std::string(bad).size() < 16 ? 1 : 0));
    }
}

TEST_CASE("bad fields of ip= are told and the others count", "[network]") {
    auto parsed = parse("ip=10.0.0.300::gate:255.0.255.0:bad/name:eth0:none:dns:1.1.1.1");
    CHECK(problems_of(parsed) == names{"bad host name \"bad/name\"", "bad address \"dns\"",
                                       "bad IPv4 address \"10.0.0.300\"", "bad IPv4 address \"gate\""});
    CHECK(parsed.settings.name_servers == std::vector{address("1.1.1.1")});
    CHECK(problems_of(parse("ip=10.0.0.3:::255.0.255.0")) == names{"bad netmask \"255.0.255.0\""});
    CHECK(problems_of(parse("ip=10.0.0.3:::::../x")) == names{"bad network device \"../x\""});
    // Beyond ASCII, whether a char has a sign or not.
    CHECK(problems_of(parse("ip=10.0.0.3:::::\xc3\xa9th0")).size() == 1);
}

TEST_CASE("a link text gives a device addresses of both families, gateways, MTU and DNS", "[network]") {
    auto parsed = parse("", {"eth0,address=10.0.2.15/20,address=fd00::2,gateway=10.0.2.2,gateway=fe80::1,mtu=1400",
                             "eth1,address=192.168.7.2,dns=fd00::3,search=a.example,search=b.example"});
    CHECK(parsed.problems.empty());
    REQUIRE(parsed.settings.links.size() == 2);
    const auto& first = parsed.settings.links[0];
    CHECK(first.device == "eth0");
    CHECK(first.addresses == std::vector<interface_address>{{address("10.0.2.15"), 20}, {address("fd00::2"), 64}});
    CHECK(first.gateways == std::vector{address("10.0.2.2"), address("fe80::1")});
    CHECK(first.mtu == 1400u);
    CHECK(parsed.settings.links[1].addresses == std::vector<interface_address>{{address("192.168.7.2"), 24}});
    CHECK(parsed.settings.name_servers == std::vector{address("fd00::3")});
    CHECK(parsed.settings.search == names{"a.example", "b.example"});
}

TEST_CASE("a link text has routes, through a gateway or on the link, and addresses without their network's",
          "[network]") {
    auto parsed =
        parse("", {"eth0,address-only=10.1.0.2/24,address-only=fd00::2,route=10.1.0.1,route=10.1.0.0/24@10.1.0.1,"
                   "route=fd01::/16@fe80::1,route=fd02::1,route=0.0.0.0/0"});
    CHECK(parsed.problems.empty());
    REQUIRE(parsed.settings.links.size() == 1);
    const auto& link = parsed.settings.links[0];
    CHECK(link.addresses ==
          std::vector<interface_address>{{address("10.1.0.2"), 24, true}, {address("fd00::2"), 64, true}});
    CHECK(link.routes == std::vector<interface_route>{
                             {{address("10.1.0.1"), 32}, std::nullopt},
                             {{address("10.1.0.0"), 24}, address("10.1.0.1")},
                             {{address("fd01::"), 16}, address("fe80::1")},
                             {{address("fd02::1"), 128}, std::nullopt},
                             {{address("0.0.0.0"), 0}, std::nullopt},
                         });
    auto bad =
        GENERATE("", "x", "10.0.0.0/33", "10.0.0.0/8@", "10.0.0.0/8@x", "10.0.0.0/8@fe80::1", "fd00::/8@0.0.0.0");
    CAPTURE(bad);
    CHECK(problems_of(parse("", {"eth0,route=" + std::string(bad)})) ==
          names{"bad route \"" + std::string(bad) + "\""});
}

TEST_CASE("a link text adds to the device that ip= has named", "[network]") {
    auto parsed = parse("ip=10.0.0.2::10.0.0.1", {"eth0,mtu=9000,address=10.0.0.2/24,address=fd00::2/64"});
    REQUIRE(parsed.settings.links.size() == 1);
    const auto& link = parsed.settings.links[0];
    CHECK(link.addresses == std::vector<interface_address>{{address("10.0.0.2"), 24}, {address("fd00::2"), 64}});
    CHECK(link.gateways.size() == 1);
    CHECK(link.mtu == 9000u);
}

TEST_CASE("bad parts of a link text are told, each by itself", "[network]") {
    auto parsed = parse("", {"eth0,address=10.0.0.2/33,address=fd00::/129,address=::,mtu=67,mtu=x,gateway=g,dns=,"
                             "search=a b,speed=10,address=10.0.0.2/8"});
    CHECK(problems_of(parsed) == names{"bad address \"10.0.0.2/33\"", "bad address \"fd00::/129\"",
                                       "bad address \"::\"", "bad MTU \"67\"", "bad MTU \"x\"", "bad address \"g\"",
                                       "bad address \"\"", "bad search domain \"a b\"",
                                       "bad network setting \"speed\""});
    REQUIRE(parsed.settings.links.size() == 1);
    CHECK(parsed.settings.links[0].addresses == std::vector<interface_address>{{address("10.0.0.2"), 8}});
    auto device = GENERATE("", ".", "..", "a/b", "a-name-of-16-byt", "a b");
    CAPTURE(device);
    auto bad = parse("", {std::string(device) + ",mtu=1400"});
    CHECK(bad.problems.size() == 1);
    CHECK(bad.settings.links.empty());
}

TEST_CASE("IPv4 addresses are dotted quads and nothing else", "[network]") {
    auto bad = GENERATE("1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "1..2.3", "1.2.3.0004", "fd00__1", "0.0.0.0");
    CAPTURE(bad);
    CHECK(problems_of(parse("ip=" + std::string(bad))) == names{"bad IPv4 address \"" + std::string(bad) + "\""});
}

TEST_CASE("netmasks are contiguous, none is /24", "[network]") {
    CHECK(*parse_netmask("") == 24);
    CHECK(*parse_netmask("255.255.255.252") == 30);
    CHECK(*parse_netmask("0.0.0.0") == 0);
    CHECK(*parse_netmask("255.255.255.255") == 32);
    CHECK(parse_netmask("255.0.255.0").error().message() == "bad netmask \"255.0.255.0\": invalid argument");
    CHECK_FALSE(parse_netmask("24"));
}

TEST_CASE("resolv.conf has the domains, then one line a server", "[network]") {
    network_settings settings;
    CHECK(resolv_conf(settings).empty());
    settings.name_servers = {address("1.1.1.1"), address("fd00::3")};
    CHECK(resolv_conf(settings) == "nameserver 1.1.1.1\nnameserver fd00::3\n");
    settings.search = {"a.example", "b.example"};
    CHECK(resolv_conf(settings) == "search a.example b.example\nnameserver 1.1.1.1\nnameserver fd00::3\n");
}

TEST_CASE("the hosts file names localhost and the host with its first address", "[network]") {
    CHECK(hosts_file({}) == "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    auto named = parse("ip=::::box").settings;
    CHECK(hosts_file(named).find("\n127.0.1.1 box\n") != std::string::npos);
    auto addressed = parse("ip=10.0.0.2::::box").settings;
    CHECK(hosts_file(addressed).find("\n10.0.0.2 box\n") != std::string::npos);
}
