// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>

#include "devices/network_device.hpp"
#include "fake_sysfs.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/devices/device_service.hpp"

using namespace vminit;
using namespace vminit::devices;
using namespace std::chrono_literals;

namespace {

using names = std::vector<std::string>;

struct links_fixture : test::io_fixture {
    links_fixture() : service(asio::make_service<device_service>(ctx, system.config())), tasks(ex(), log()) {}
    ~links_fixture() { syscalls::set_fault_hook(nullptr); }

    /// Keeps links with these names; what is done is in `configured`, what is told in `told`.
    void keep(const names& devices) {
        std::vector<system::link_settings> links;
        for (const auto& device : devices) links.emplace_back().device = device;
        link_actions actions;
        actions.configure = [this](system::link_settings link) { return configure(std::move(link)); };
        actions.report = [this](link_report report) {
            auto line = std::to_string(report.position) + " " + report.name;
            for (const auto& failure : report.failures) line += " " + failure.message();
            told.push_back(line);
        };
        tasks.spawn("links", service.keep_links(std::move(links), std::move(actions), 5s));
    }

    awaitable<std::vector<error>> configure(system::link_settings link) {
        configured.push_back(link.device);
        co_return std::move(failures);
    }

    void await_told(std::size_t count) {
        pump([&] { return told.size() >= count; });
    }

    test::fake_sysfs system;
    device_service& service;
    task_group tasks;
    std::vector<error> failures;
    names configured;
    names told;
};

int refuse_sockets(std::string_view name) { return name == "socket" ? EPERM : 0; }

}  // namespace

TEST_CASE_METHOD(links_fixture, "links that are there are configured at once, by name or hardware address", "[links]") {
    system.add_link("lo", 1);
    system.add_link("eth0", 2, "52:54:00:00:00:01");
    system.add_link("eth1", 3, "52:54:00:00:00:02");
    failures.emplace_back(errc::internal, "set up");
    keep({"52:54:00:00:00:02", "eth0"});
    await_told(2);
    CHECK(configured == names{"eth1", "eth0"});
    CHECK(told == names{"0 eth1 set up: internal", "1 eth0"});
    tasks.stop();
    pump([&] { return tasks.size() == 0; });
}

TEST_CASE_METHOD(links_fixture, "a link that does not come is told after the limit, and delays no other", "[links]") {
    syscalls::set_fault_hook(refuse_sockets);
    manual_time time;
    system.add_link("eth0", 2);
    keep({"eth9", "eth0"});
    await_told(1);
    CHECK(told == names{"1 eth0"});
    while (told.size() < 2) {
        time.advance(100ms);
        poll();
    }
    CHECK(told[1] == "0  wait for network device eth9: not found");
    // Nothing tells of changes: there is no more to do.
    pump([&] { return tasks.size() == 0; });
}

TEST_CASE_METHOD(links_fixture, "a link that comes within the limit is configured once", "[links]") {
    syscalls::set_fault_hook(refuse_sockets);
    manual_time time;
    keep({"eth0"});
    poll();
    system.add_link("eth0", 2);
    while (tasks.size() != 0) {
        time.advance(100ms);
        poll();
    }
    CHECK(told == names{"0 eth0"});
}

TEST_CASE_METHOD(links_fixture, "a link that comes after the limit, or again, is configured", "[.][privileged]") {
    manual_time time;
    auto change = [] { REQUIRE(write_file("/sys/class/net/lo/uevent", "change")); };
    keep({"eth0"});
    while (told.empty()) {
        time.advance(1s);
        poll();
    }
    CHECK(told == names{"0  wait for network device eth0: not found"});
    system.add_link("eth0", 2);
    change();
    await_told(2);
    // Nothing new: the same device.
    change();
    pump([&] { return service.counters().uevents == 2; });
    system.remove_link("eth0");
    system.add_link("eth0", 7);
    change();
    await_told(3);
    CHECK(configured == names{"eth0", "eth0"});
    CHECK(told[2] == "0 eth0");
    tasks.stop();
    pump([&] { return tasks.size() == 0; });
}

TEST_CASE_METHOD(links_fixture, "a link that goes while it is configured has not come", "[links]") {
    syscalls::set_fault_hook(refuse_sockets);
    manual_time time;
    system.add_link("eth0", 2);
    failures.emplace_back(errc::not_found, "network device eth0");
    keep({"eth0"});
    pump([&] { return configured.size() == 1; });
    CHECK(told.empty());
    // The next look finds it again.
    while (tasks.size() != 0) {
        time.advance(100ms);
        poll();
    }
    CHECK(configured == names{"eth0", "eth0"});
    CHECK(told == names{"0 eth0"});
}

TEST_CASE_METHOD(links_fixture, "no links are nothing to keep", "[links]") {
    keep({});
    pump([&] { return tasks.size() == 0; });
    CHECK(told.empty());
}

TEST_CASE("of several devices with one hardware address the first to come is meant", "[links]") {
    test::fake_sysfs system;
    system.add_link("vlan5", 9, "52:54:00:00:00:01");
    system.add_link("eth0", 2, "52:54:00:00:00:01");
    auto sysfs = system.config().sysfs;
    CHECK(find_network_device(sysfs, "52:54:00:00:00:01")->name == "eth0");
    CHECK_FALSE(find_network_device(sysfs, "52:54:00:00:00:09"));
    CHECK_FALSE(find_network_device(sysfs, "eth1"));
    system.add_link("eth1", 0);
    CHECK_FALSE(find_network_device(sysfs, "eth1"));
}
