// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "guest.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

namespace wire = containerd::vminitd::services::system::v1;

}  // namespace

TEST_CASE("network devices get what the kernel command line says", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    CHECK(vm.boot_step("network").outcome() == wire::BootStep_Outcome_OK);
    CHECK(vm.boot_step("network-eth1").outcome() == wire::BootStep_Outcome_OK);
    auto addresses = vm.look_inside("ip -o addr");
    CAPTURE(addresses);
    CHECK(contains(addresses, "10.0.2.15/24 brd 10.0.2.255 scope global eth0"));
    CHECK(contains(addresses, "fd00::15/64 scope global"));
    CHECK_FALSE(contains(addresses, "fd00::15/64 scope global tentative"));
    CHECK(contains(addresses, "10.0.3.15/30 brd 10.0.3.15 scope global eth1"));
    CHECK(contains(addresses, "192.168.7.2/24 brd 192.168.7.255 scope global eth1"));
    CHECK(contains(addresses, "127.0.0.1/8 scope host lo"));
    auto links = vm.look_inside("ip -o link");
    CAPTURE(links);
    CHECK(contains(links, "eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400"));
    CHECK(contains(links, "eth1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500"));
    CHECK(contains(links, "lo: <LOOPBACK,UP,LOWER_UP>"));
}

TEST_CASE("routes lead through the gateways, and the gateway answers", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    vm.boot_step("network");
    auto routes = vm.look_inside("ip route; ip -6 route");
    CAPTURE(routes);
    CHECK(contains(routes, "default via 10.0.2.2 dev eth0"));
    CHECK(contains(routes, "169.254.169.254 via 10.0.2.2 dev eth0"));
    CHECK(contains(routes, "default via fd00::2 dev eth0"));
    CHECK(contains(routes, "192.168.7.0/24 dev eth1"));
    CHECK(contains(vm.look_inside("ping -c 1 -W 20 10.0.2.2"), "1 packets received"));
    CHECK(contains(vm.look_inside("ping -c 1 -W 20 127.0.0.1"), "1 packets received"));
}

TEST_CASE("an IPv6 gateway may lie outside the device's networks", "[vm]") {
    // Not the address of a router that announces itself here.
    std::string gateway = GENERATE("fd01::2", "fe80::99");
    virtual_machine machine({"--network", "user", "--append", "vminit.net=eth0,address=fd00::15/128,gateway=" + gateway});
    guest vm(machine.address());
    auto step = vm.boot_step("network");
    CHECK(step.outcome() == wire::BootStep_Outcome_OK);
    CHECK(step.text().empty());
    auto routes = vm.look_inside("ip -6 route");
    CAPTURE(routes);
    CHECK(contains(routes, "default via " + gateway + " dev eth0 "));
}

TEST_CASE("containers find the name servers and domains of the kernel command line", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    CHECK(vm.run_container(container_wish("cat /etc/resolv.conf")).out == "search corp.example\nnameserver 10.0.2.3\n");
    CHECK(contains(vm.look_inside("cat /proc/1/root/etc/hosts"), "\n10.0.2.15 box\n"));
    CHECK(vm.look_inside("stat -c %a /proc/1/root/etc/resolv.conf") == "644\n");
}

TEST_CASE("a network device that does not come costs a failed step, not the boot", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    auto step = vm.boot_step("network-eth9");
    CHECK(step.outcome() == wire::BootStep_Outcome_FAILED);
    CHECK(step.text() == "wait for network device eth9: not found");
    CHECK(vm.run(vm.system().Info({}, guest::limit)));
}

TEST_CASE("without a DHCP client ip= that asks for one is told and sets the device up", "[vm]") {
    virtual_machine machine({"--network", "user", "--append", "ip=:::::eth0:dhcp"});
    guest vm(machine.address());
    auto step = vm.boot_step("name-files");
    CHECK(step.outcome() == wire::BootStep_Outcome_DEGRADED);
    CHECK(contains(step.text(), "ip=:::::eth0:dhcp: no DHCP client"));
    CHECK(vm.boot_step("network").outcome() == wire::BootStep_Outcome_OK);
    // The carrier comes a moment after the link was set up.
    vm.look_inside("until ip -o link | grep -q 'eth0: <BROADCAST,MULTICAST,UP,LOWER_UP>'; do :; done");
}

TEST_CASE("a network card that is plugged in late, and again, is configured by its hardware address", "[vm]") {
    virtual_machine machine({"--qemu-words", "-netdev user,id=late,net=10.0.3.0/24 -device pcie-root-port,id=port0,chassis=1",
                             "--append", "vminit.net=52:54:00:12:34:99,address=10.0.3.15/24"});
    guest vm(machine.address());
    // The first container waits for the card, and is made without.
    auto step = vm.boot_step("network");
    CHECK(step.outcome() == wire::BootStep_Outcome_FAILED);
    CHECK(step.text() == "wait for network device 52:54:00:12:34:99: not found");
    for (const char* state : {"plugged in", "plugged in again"}) {
        CAPTURE(state);
        qmp(machine.directory(), "device_add",
            R"({"driver":"virtio-net-pci","id":"card","netdev":"late","bus":"port0","mac":"52:54:00:12:34:99"})");
        auto addresses = vm.look_inside("until ip -o addr | grep 10.0.3.15; do :; done");
        CHECK(contains(addresses, "inet 10.0.3.15/24 brd 10.0.3.255 scope global eth"));
        while (vm.boot_step("network").outcome() != wire::BootStep_Outcome_OK) continue;
        qmp(machine.directory(), "device_del", R"({"id":"card"})");
        vm.look_inside("while ip -o link | grep -q eth; do :; done");
    }
    auto info = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(info);
    for (const auto& bad : info->degraded_steps()) FAIL(bad.name() + ": " + bad.text());
}
