// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "client_program.hpp"
#include "command_set.hpp"
#include "guest.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

// What a person asks of the running machine, with the real client, guest and kernel.

namespace {

struct answer {
    int status;
    std::string out;
    std::string err;
};

answer ask(std::vector<std::string> words) {
    client_program client(virtual_machine::shared_address(), std::move(words));
    auto out = client.rest();
    auto status = client.wait();
    return {status, std::move(out), client.complaint()};
}

boost::json::object facts(std::vector<std::string> words) {
    words.emplace_back("--json");
    auto told = ask(std::move(words));
    INFO(told.err);
    REQUIRE(told.status == 0);
    return boost::json::parse(told.out).as_object();
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string read_until(client_program& client, std::string_view end) {
    std::string text;
    while (!contains(text, end)) {
        auto more = client.read(1);
        if (more.empty()) break;
        text += more;
    }
    return text;
}

}  // namespace

TEST_CASE("doctor misses nothing in a guest, and says so of each thing", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto told = ask({"doctor", "--json"});
    CAPTURE(told.out, told.err);
    std::map<std::string, std::string> states;
    auto rows = boost::json::parse(told.out);
    for (const auto& row : rows.as_array()) {
        auto text = [&](const char* key) { return std::string(row.at(key).as_string()); };
        states[text("check")] = text("state");
        CHECK(text("state") != "missing");
    }
    for (const char* check : {"kernel", "boot", "cgroup:memory", "stdio:stream", "random"})
        CHECK(states[check] == "ok");
    CHECK(states.contains("clock"));
    // Emulation may be so slow that a layer is late.
    CHECK((told.status == 0 || told.status == vminitctl::exit_degraded));
}

TEST_CASE("dmesg shows the kernel's log and vminitd's, and follows both", "[vm]") {
    guest vm(virtual_machine::shared_address());
    client_program follower(virtual_machine::shared_address(), {"dmesg", "-f"});
    vm.look_inside("echo h > /proc/1/root/proc/sysrq-trigger");
    CHECK(contains(read_until(follower, "sysrq: HELP"), "] sysrq: HELP"));
    CHECK(ask({"log-level", "info"}).status == 0);
    CHECK(contains(read_until(follower, "log level set"), "] vminitd: info log level set"));
    auto all = ask({"dmesg"});
    CHECK(all.status == 0);
    CHECK(contains(all.out, "] sysrq: HELP"));
    CHECK(all.out.rfind("sysrq: HELP") < all.out.rfind("] vminitd: info log level set"));
    CHECK(contains(ask({"dmesg", "--kernel"}).out, "sysrq: HELP"));
    CHECK_FALSE(contains(ask({"dmesg", "--kernel"}).out, "log level set"));
    CHECK_FALSE(contains(ask({"dmesg", "--vminitd"}).out, "sysrq: HELP"));
    CHECK_FALSE(contains(ask({"dmesg", "--level", "warn"}).out, "sysrq: HELP"));
}

TEST_CASE("the guest's clock is seen beside ours, moved, and set right", "[vm]") {
    constexpr std::int64_t second = 1000000000;
    auto ahead = [](boost::json::object told) { return told["ahead_ns"].as_int64(); };
    auto now = facts({"time"});
    CHECK_FALSE(now["source"].as_string().empty());
    auto before = ahead(now);
    auto moved = ahead(facts({"time", "step", "--by", "1000"}));
    CHECK(std::llabs(moved - before - 1000 * second) < 100 * second);
    CHECK(std::llabs(ahead(facts({"time", "step", "--from", "here"}))) < 100 * second);
    auto slewing = facts({"time", "slew", "--by", "2"})["slewing_ns"].as_int64();
    CHECK(slewing > second);
    CHECK(slewing <= 2 * second);
    CHECK(facts({"time", "slew", "--by", "0"})["slewing_ns"].as_int64() == 0);
    auto far = ask({"time", "slew", "--by", "11"});
    CHECK(far.status == 1);
    CHECK(contains(far.err, "invalid argument: a slew of more than 10 s"));
    auto none = ask({"time", "step", "--from", "ptp9"});
    CHECK(none.status == 1);
    CHECK(contains(none.err, "the guest has no clock ptp9"));
}

TEST_CASE("the guest's network is changed while it runs", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto names = vm.look_inside("cat /proc/1/root/etc/resolv.conf");
    CHECK(ask({"network", "address", "add", "lo", "10.77.0.1/24"}).status == 0);
    auto again = ask({"network", "address", "add", "lo", "10.77.0.1/24"});
    CHECK(again.status == 1);
    CHECK(contains(again.err, "already exists: add address 10.77.0.1/24 lo"));
    CHECK(ask({"network", "route", "add", "10.78.0.0/16", "--via", "10.77.0.9"}).status == 0);
    auto lost = ask({"network", "route", "add", "10.79.0.0/16", "--via", "172.30.1.1"});
    CHECK(lost.status == 1);
    CHECK(contains(lost.err, "the gateway is on no network of the machine"));
    CHECK(contains(ask({"network", "address", "add", "eth77", "10.0.0.1/8"}).err, "not found: network device eth77"));
    auto shown = ask({"network"}).out;
    CHECK(contains(shown, "10.77.0.1/24"));
    CHECK(contains(shown, "10.78.0.0/16  10.77.0.9  lo"));
    CHECK(ask({"network", "dns", "set", "10.77.0.3", "--search", "a.example"}).status == 0);
    CHECK(vm.look_inside("cat /proc/1/root/etc/resolv.conf") == "search a.example\nnameserver 10.77.0.3\n");
    CHECK(ask({"network", "dns", "set"}).status == 0);
    CHECK(ask({"network", "route", "del", "10.78.0.0/16"}).status == 0);
    CHECK(ask({"network", "address", "del", "lo", "10.77.0.1/24"}).status == 0);
    CHECK_FALSE(contains(ask({"network"}).out, "10.77."));
    CHECK(names == vm.look_inside("cat /proc/1/root/etc/resolv.conf"));
}

TEST_CASE("the guest gives caches back, all of them or a container's", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto id = vm.run_sleeper();
    // What was read of a disk is in a cache.
    vm.run_exec(id, exec_wish({"/bin/cat", "/bin/busybox"}));
    auto container = facts({"reclaim", "--id", id})["container"].as_object();
    CHECK(container["before"].as_int64() > 0);
    CHECK(container["after"].as_int64() <= container["before"].as_int64());
    // The whole disk of the rootfs, which stays mounted meanwhile: far more than what the machine itself reads again during the call.
    vm.look_inside("cat /proc/1/root/dev/vda > /dev/null");
    auto machine = facts({"reclaim"});
    CHECK(machine["free"].as_object()["before"].as_int64() > 0);
    CHECK(machine["cached"].as_object()["after"].as_int64() < machine["cached"].as_object()["before"].as_int64());
    CHECK(machine["stopped"] == false);
    vm.kill_and_remove(id);
    auto none = ask({"reclaim", "--id", id});
    CHECK(none.status == 1);
    CHECK(contains(none.err, "not found: container not created"));
}
