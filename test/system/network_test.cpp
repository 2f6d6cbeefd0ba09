// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/network.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::system;

namespace {

interface_address network(const char* text, std::uint8_t prefix) {
    interface_address made;
    made.address = asio::ip::make_address(text);
    made.prefix = prefix;
    return made;
}

// An Ethernet device with nothing behind it, there as long as the descriptor is.
unique_fd make_device(const std::string& name) {
    auto fd = syscalls::open("/dev/net/tun", O_RDWR).value();
    struct ifreq request{};
    name.copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    REQUIRE(::ioctl(fd.get(), TUNSETIFF, &request) == 0);
    return fd;
}

}  // namespace

TEST_CASE("setting up what is not there is an error with its name", "[network]") {
    auto up = set_link_up("no-such-dev");
    REQUIRE_FALSE(up);
    CHECK(up.error().kind() == errc::not_found);
    CHECK(up.error().context() == "network device no-such-dev");
    CHECK(set_link_up("a-name-that-is-too-long").error().kind() == errc::invalid_argument);
    CHECK_FALSE(has_link("no-such-dev"));
    CHECK(has_link("lo"));
}

TEST_CASE("each step that the kernel refuses is one error", "[network]") {
    syscalls::set_fault_hook([](std::string_view name) { return name.starts_with("add ") ? EPERM : 0; });
    link_settings link;
    link.device = "lo";
    link.addresses = {network("127.0.0.9", 8)};
    link.gateways = {asio::ip::make_address("127.0.0.1")};
    auto failures = apply_link(link, true);
    syscalls::set_fault_hook(nullptr);
    std::vector<std::string> contexts;
    for (const auto& failure : failures) contexts.push_back(failure.context());
    // Without privileges setting it up is refused as well.
    if (contexts.front() == "set up lo") contexts.erase(contexts.begin());
    CHECK(contexts == std::vector<std::string>{"add address 127.0.0.9/8 lo", "add route default via 127.0.0.1 lo",
                                               "add route 169.254.169.254 via 127.0.0.1 lo"});
}

TEST_CASE("a device gets MTU and addresses of both families, twice without harm", "[.][privileged]") {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    link_settings link;
    link.device = "lo";
    link.mtu = 1400;
    link.addresses = {network("10.1.0.2", 24), network("10.2.0.2", 30), network("fd00::2", 64)};
    for (int round = 0; round < 2; ++round) {
        auto failures = apply_link(link, false);
        for (const auto& failure : failures) CHECK(failure.message() == "");
    }
    CHECK(trimmed(read_file("/proc/thread-self/net/if_inet6").value())
              .find("fd000000000000000000000000000002 01 40 00") != std::string::npos);
    auto trie = read_file("/proc/thread-self/net/fib_trie").value();
    CHECK(trie.find("10.1.0.2") != std::string::npos);
    CHECK(trie.find("10.2.0.2") != std::string::npos);

    link.mtu = 1u << 31;
    link.addresses.clear();
    auto failures = apply_link(link, false);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].context() == "set mtu 2147483648 lo");
}

TEST_CASE("a gateway of either family may lie outside the device's networks", "[.][privileged]") {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    auto device = make_device("tap9");
    link_settings link;
    link.device = "tap9";
    link.addresses = {network("10.1.0.2", 32), network("fd00::2", 128)};
    auto [gateway, in_table] = GENERATE(table<const char*, const char*>({
        {"10.9.0.1", "tap9\t00000000\t0100090A\t0003\t"},
        {"fd09::1", "00000000000000000000000000000000 00 fd090000000000000000000000000001 "},
        {"fe80::1", "00000000000000000000000000000000 00 fe800000000000000000000000000001 "},
    }));
    link.gateways = {asio::ip::make_address(gateway)};
    for (const auto& failure : apply_link(link, false)) CHECK(failure.message() == "");
    auto table = read_file("/proc/thread-self/net/route").value();
    table += read_file("/proc/thread-self/net/ipv6_route").value();
    CAPTURE(table);
    CHECK(table.find(in_table) != std::string::npos);
}

TEST_CASE("a lone address brings no route of its own, and routes are as they are given", "[.][privileged]") {
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    auto device = make_device("tap9");
    link_settings link;
    link.device = "tap9";
    link.addresses = {network("10.1.0.2", 24), network("fd00::2", 64)};
    for (auto& address : link.addresses) address.is_alone = true;
    link.routes = {{network("10.1.0.1", 32), std::nullopt},
                   {network("10.1.0.0", 24), asio::ip::make_address("10.1.0.1")},
                   {network("fd01::", 16), asio::ip::make_address("fe80::1")}};
    for (const auto& failure : apply_link(link, false)) CHECK(failure.message() == "");
    auto table = read_file("/proc/thread-self/net/route").value();
    table += read_file("/proc/thread-self/net/ipv6_route").value();
    CAPTURE(table);
    CHECK(table.find("tap9\t0100010A\t00000000\t0005\t0\t0\t0\tFFFFFFFF") != std::string::npos);
    CHECK(table.find("tap9\t0000010A\t0100010A\t0003\t0\t0\t0\t00FFFFFF") != std::string::npos);
    CHECK(table.find("tap9\t0000010A\t00000000") == std::string::npos);
    CHECK(table.find("fd010000000000000000000000000000 10 00000000000000000000000000000000 00 "
                     "fe800000000000000000000000000001") != std::string::npos);
    CHECK(table.find("fd000000000000000000000000000000 40") == std::string::npos);
}
