// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "diagnosis.hpp"
#include "fake_machine.hpp"
#include "program.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::program;
namespace json = boost::json;
namespace own = vminit::system::v1;

namespace {

constexpr const char* all_words[] = {"rpc:containerd.task.v3.Task",
                                     "rpc:containerd.vminitd.services.bundle.v1.Bundle",
                                     "rpc:vminit.process.v1.Container",
                                     "rpc:vminit.forward.v1.Forward",
                                     "rpc:vminit.system.v1.Machine",
                                     "rpc:spinbox.services.vmevents.v1.Events",
                                     "rpc:vminit.supervisor.v1.Supervisor",
                                     "stdio:stream",
                                     "mount:serial",
                                     "task:pause",
                                     "freeze:ext4",
                                     "user:name",
                                     "init:container",
                                     "cgroup:memory",
                                     "cgroup:cpu",
                                     "cgroup:pids",
                                     "cgroup:cpuset",
                                     "cgroup:io",
                                     "cgroup:hugetlb",
                                     "hotplug:cpu",
                                     "hotplug:memory"};

void add_line(program& terminal, std::uint64_t time_us, const char* text, std::uint64_t lost = 0) {
    auto& line = *terminal.guest.machine->logs.emplace_back().add_lines();
    line.set_source(own::LogsRequest::KERNEL);
    line.set_time_us(time_us);
    line.set_text(text);
    line.set_lost(lost);
}

/// A guest that lacks nothing.
void make_whole(program& terminal) {
    auto& info = terminal.guest.info;
    info.set_kernel_version("Linux version 6.1.0-13-cloud-amd64 (debian-kernel@lists.debian.org)");
    info.set_runtime_version("crun version 1.8.1");
    for (const char* word : all_words) info.add_capabilities(word);
    for (const char* layer : {"core", "system"}) terminal.guest.health.add_layers()->set_name(layer);
    auto& device = *terminal.guest.machine->clock.add_devices();
    device.set_name("ptp0");
    device.set_description("KVM virtual PTP");
    add_line(terminal, 1500, "random: crng init done");
}

void take_away(program& terminal, const std::string& word) {
    auto& words = *terminal.guest.info.mutable_capabilities();
    words.erase(std::remove(words.begin(), words.end(), word), words.end());
}

/// What --json tells, by check: `state text`.
std::map<std::string, std::string> told(program& terminal, int status) {
    CHECK(terminal.run({"doctor", "--json"}) == status);
    std::map<std::string, std::string> checks;
    auto rows = terminal.out_json();
    for (const auto& row : rows.as_array()) {
        auto text = [&](const char* key) { return std::string(row.at(key).as_string()); };
        checks[text("check")] = text("state") + " " + text("text");
    }
    return checks;
}

}  // namespace

TEST_CASE("doctor has one line for each check of a guest that lacks nothing", "[vminitctl][doctor]") {
    program terminal;
    make_whole(terminal);
    CHECK(terminal.run({"doctor"}) == 0);
    auto text = terminal.output.out_text();
    CHECK(text.starts_with("STATE  CHECK "));
    CHECK(text.find("absent") == std::string::npos);
    auto checks = told(terminal, 0);
    for (const char* word : all_words) CHECK(checks.at(word).starts_with("ok "));
    CHECK(checks.at("version").starts_with("ok vminitd 1.2.3, vminitctl "));
    CHECK(checks.at("kernel") == "ok Linux 6.1");
    CHECK(checks.at("boot").starts_with("ok "));
    CHECK(checks.at("runtime") == "ok crun version 1.8.1");
    CHECK(checks.at("health") == "ok 2 layers");
    CHECK(checks.at("clock").starts_with("ok "));
    CHECK(checks.at("host clock") == "ok ptp0");
    CHECK(checks.at("random") == "ok ready 1.500 ms after the kernel's start");
    CHECK(checks.at("memory").starts_with("ok "));
}

TEST_CASE("a guest works without what is absent", "[vminitctl][doctor]") {
    program terminal;
    make_whole(terminal);
    take_away(terminal, "hotplug:memory");
    take_away(terminal, "rpc:vminit.forward.v1.Forward");
    take_away(terminal, "task:pause");
    terminal.guest.machine->clock.clear_devices();
    terminal.guest.info.clear_runtime_version();
    auto checks = told(terminal, 0);
    CHECK(checks.at("hotplug:memory") == "absent memory that comes and goes: the kernel needs CONFIG_MEMORY_HOTPLUG");
    CHECK(checks.at("rpc:vminit.forward.v1.Forward") == "absent port: this vminitd does not have it");
    CHECK(checks.at("task:pause") == "absent pause and resume: its host dialect refuses them");
    CHECK(checks.at("host clock").find("CONFIG_PTP_1588_CLOCK_KVM") != std::string::npos);
    CHECK(checks.at("runtime").starts_with("absent "));
}

TEST_CASE("doctor fails for what is missing", "[vminitctl][doctor]") {
    program terminal;
    make_whole(terminal);
    take_away(terminal, "cgroup:memory");
    CHECK(told(terminal, exit_degraded).at("cgroup:memory") ==
          "missing memory limits of containers: the kernel needs CONFIG_MEMCG");
    make_whole(terminal);
    terminal.guest.info.set_kernel_version("Linux version 5.13.19 (gcc)");
    CHECK(told(terminal, exit_degraded).at("kernel") == "missing Linux 5.13: vminitd needs 5.14 or later");
    terminal.guest.info.set_kernel_version("FreeBSD");
    CHECK(told(terminal, exit_degraded).at("kernel").starts_with("degraded "));
}

TEST_CASE("doctor fails for what is degraded, and says how", "[vminitctl][doctor]") {
    program terminal;
    make_whole(terminal);
    SECTION("a step of the boot") {
        auto& step = *terminal.guest.info.add_degraded_steps();
        step.set_name("network");
        step.set_outcome(containerd::vminitd::services::system::v1::BootStep::FAILED);
        step.set_text("no eth0");
        auto checks = told(terminal, exit_degraded);
        CHECK(checks.at("boot: network") == "degraded failed: no eth0");
        CHECK_FALSE(checks.contains("boot"));
    }
    SECTION("a layer") {
        auto& layer = *terminal.guest.health.mutable_layers(1);
        layer.set_state(own::HealthResponse::DEGRADED);
        layer.set_text("late");
        auto checks = told(terminal, exit_degraded);
        CHECK(checks.at("health: system") == "degraded late");
        CHECK_FALSE(checks.contains("health"));
    }
    SECTION("its clock") {
        terminal.guest.machine->ahead_ns = -7200000000000;
        auto clock = told(terminal, exit_degraded).at("clock");
        CHECK(clock.starts_with("degraded 7"));
        CHECK(clock.ends_with(" s behind this machine's: vminitctl time step sets it right"));
    }
    SECTION("random numbers") {
        terminal.guest.machine->logs.clear();
        CHECK(told(terminal, exit_degraded).at("random").starts_with("degraded not ready yet"));
    }
    SECTION("memory") {
        add_line(terminal, 9, "Memory cgroup out of memory: Killed process 7 (sh)");
        CHECK(told(terminal, 0).at("memory").starts_with("ok "));
        add_line(terminal, 9, "Out of memory: Killed process 8 (sh)");
        add_line(terminal, 9, "sh: page allocation failure: order:5");
        CHECK(told(terminal, exit_degraded).at("memory") ==
              "degraded too small 2 times, the last: sh: page allocation failure: order:5");
    }
}

TEST_CASE("a log without its beginning is no proof that there were no random numbers", "[vminitctl][doctor]") {
    program terminal;
    make_whole(terminal);
    terminal.guest.machine->logs.clear();
    add_line(terminal, 9, "eth0: link up", 100);
    CHECK(told(terminal, 0).at("random").starts_with("ok the kernel's log"));
}

TEST_CASE("what a guest does not answer is a finding", "[vminitctl][doctor]") {
    program terminal;
    make_whole(terminal);
    terminal.guest.failures["Clock"] = error(errc::not_implemented, "no such service");
    terminal.guest.failures["Logs machine"] = error(errc::not_implemented, "no such service");
    auto checks = told(terminal, 0);
    CHECK(checks.at("clock") == "absent not implemented: no such service");
    CHECK(checks.at("kernel log") == "absent not implemented: no such service");
    terminal.guest.failures["Health"] = error(errc::deadline_exceeded, "too late");
    CHECK(told(terminal, exit_degraded).at("health") == "degraded context deadline exceeded: too late");
    terminal.guest.failures["Info"] = error(errc::internal, "broken");
    CHECK(terminal.run({"doctor"}) == exit_failure);
}
