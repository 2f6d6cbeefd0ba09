// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "program.hpp"
#include "pseudo_terminal.hpp"
#include "support/temporary_directory.hpp"
#include "system_text.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::program;
namespace json = boost::json;

namespace {

using calls = std::vector<std::string>;
namespace own = vminit::system::v1;
namespace supervisor_api = vminit::supervisor::v1;

void add_layer(own::HealthResponse& health, const char* name, const char* trouble = "") {
    auto& layer = *health.add_layers();
    layer.set_name(name);
    layer.set_text(trouble);
    if (*trouble == '\0') return;
    layer.set_state(own::HealthResponse::DEGRADED);
    health.set_state(own::HealthResponse::DEGRADED);
}

supervisor_api::ServiceStatus& add_service(program& terminal, const char* name) {
    auto& service = *terminal.guest.services.add_services();
    service.set_name(name);
    return service;
}

/// What a command line is refused with.
std::string usage_error(std::vector<std::string> arguments) {
    command_set commands;
    add_commands(commands);
    invocation invoked;
    arguments.insert(arguments.begin(), "--address=unix:///x");
    auto stop = commands.parse(std::move(arguments), invoked);
    if (!stop) return "accepted";
    CHECK(stop->status == exit_usage);
    return stop->text;
}

}  // namespace

TEST_CASE("info shows all that the guest tells, and what it does not", "[vminitctl]") {
    program terminal;
    CHECK(terminal.run({"info"}) == 0);
    CHECK(terminal.output.out_text() ==
          "version:              1.2.3\n"
          "kernel version:       Linux version 6.1.0\n"
          "uptime:               0.000s\n"
          "degraded boot steps:  none\n"
          "runtime version:      -\n"
          "runtime features:     not told by the runtime\n"
          "capabilities:         -\n");
    auto& info = terminal.guest.info;
    info.set_uptime_us(3723000000);
    info.add_capabilities("freeze:ext4");
    info.add_capabilities("hotplug:cpu");
    info.set_runtime_version("crun version 1.8.1");
    info.set_runtime_features(R"({"ociVersionMax":"1.1.0"})");
    auto& step = *info.add_degraded_steps();
    step.set_name("network");
    step.set_outcome(containerd::vminitd::services::system::v1::BootStep::FAILED);
    step.set_text("no eth0");
    CHECK(terminal.run({"info"}) == 0);
    auto text = terminal.output.out_text();
    CHECK(text.find("uptime:               1h 2m\n") != std::string::npos);
    CHECK(text.find("degraded boot steps:  network failed (no eth0)\n") != std::string::npos);
    CHECK(text.find("runtime features:     OCI up to 1.1.0\n") != std::string::npos);
    CHECK(text.find("capabilities:         freeze:ext4 hotplug:cpu\n") != std::string::npos);
    CHECK(terminal.run({"info", "--json"}) == 0);
    auto facts = terminal.out_json();
    CHECK(facts.at("uptime_usec") == json::value(3723000000));
    CHECK(facts.at_pointer("/runtime_features/ociVersionMax") == json::value("1.1.0"));
    CHECK(facts.at("capabilities") == json::value({"freeze:ext4", "hotplug:cpu"}));
    CHECK(facts.at_pointer("/degraded_boot_steps/0/outcome") == json::value("failed"));
}

TEST_CASE("health is figures and layers, and its status says whether all is well", "[vminitctl]") {
    program terminal;
    auto& health = terminal.guest.health;
    add_layer(health, "core");
    health.set_loop_lag_us(1500);
    health.set_events_undelivered(3);
    health.set_events_capacity(1024);
    health.set_resident_bytes(3145728);
    CHECK(terminal.run({"health"}) == 0);
    auto text = terminal.output.out_text();
    CHECK(text.starts_with("state:               ok\n"));
    CHECK(text.find("loop lag:            1.500 ms\n") != std::string::npos);
    CHECK(text.find("oldest call:         none\n") != std::string::npos);
    CHECK(text.find("events undelivered:  3 of 1024\n") != std::string::npos);
    CHECK(text.find("resident:            3.0 MiB\n") != std::string::npos);
    CHECK(text.ends_with("\nLAYER  STATE  TROUBLE\ncore   ok     -\n"));
    add_layer(health, "runc", "no runtime");
    auto& call = *health.mutable_oldest_call();
    call.set_service("t.S");
    call.set_method("Create");
    call.set_age_us(61000000);
    CHECK(terminal.run({"health"}) == exit_degraded);
    text = terminal.output.out_text();
    CHECK(text.find("oldest call:         t.S/Create for 1m 1s\n") != std::string::npos);
    CHECK(text.ends_with("runc   degraded  no runtime\n"));
    CHECK(terminal.run({"health", "--json"}) == exit_degraded);
    auto facts = terminal.out_json();
    CHECK(facts.at("state") == json::value("degraded"));
    CHECK(facts.at_pointer("/layers/1/trouble") == json::value("no runtime"));
    CHECK(facts.at_pointer("/oldest_call/age_usec") == json::value(61000000));
}

TEST_CASE("metrics are passed on as they are, but cannot drive a terminal", "[vminitctl]") {
    program terminal;
    terminal.guest.metrics = "# TYPE a counter\na{x=\"\x1b[2J\"} 4\n";
    CHECK(terminal.run({"metrics"}) == 0);
    CHECK(terminal.output.out_text() == "# TYPE a counter\na{x=\"?[2J\"} 4\n");
    CHECK(terminal.run({"metrics", "--json"}) == 0);
    CHECK(terminal.out_json().at_pointer("/metrics/0/value") == json::value(4));
}

TEST_CASE("list, and ps without a container, tell of all containers", "[vminitctl]") {
    auto command = GENERATE(as<std::string>{}, "list", "ps");
    program terminal;
    CHECK(terminal.run({command}) == 0);
    CHECK(terminal.output.out_text() == "ID  STATUS  PID  CREATED AT  ROOTFS  EXECS  EXIT STATUS\n");
    auto& web = *terminal.guest.containers.add_containers();
    web.set_id("web");
    web.set_status("running");
    web.set_pid(42);
    web.mutable_created_at()->set_seconds(1000000000);
    web.set_rootfs("serial:root");
    web.set_execs(1);
    auto& old = *terminal.guest.containers.add_containers();
    old.set_id("old");
    old.set_status("stopped");
    old.set_exit_status(7);
    old.mutable_exited_at()->set_seconds(1000000000);
    CHECK(terminal.run({command, "--json"}) == 0);
    auto told = terminal.out_json();
    CHECK(told.at_pointer("/0/id") == json::value("web"));
    CHECK(told.at_pointer("/0/pid") == json::value(42));
    CHECK(told.at_pointer("/0/rootfs") == json::value("serial:root"));
    CHECK(told.at_pointer("/0/created_at") == json::value("2001-09-09T01:46:40.000000000Z"));
    CHECK(told.at_pointer("/0/exit_status").is_null());
    CHECK(terminal.run({command, "--format", "jsonl"}) == 0);
    CHECK(terminal.output.out_text() ==
          json::serialize(told.at_pointer("/0")) + "\n" + json::serialize(told.at_pointer("/1")) + "\n");
    CHECK(told.at_pointer("/1/status") == json::value("stopped"));
    CHECK(told.at_pointer("/1/exit_status") == json::value(7));
}

TEST_CASE("devices is a table of disks and partitions", "[vminitctl]") {
    program terminal;
    CHECK(terminal.run({"devices"}) == 0);
    CHECK(terminal.output.out_text() == "NAME  TYPE  SIZE  ACCESS  SERIAL  DISK  PARTITION\n");
    auto& disk = *terminal.guest.devices.add_block_devices();
    disk.set_name("vda");
    disk.set_serial("root");
    disk.set_size_bytes(1073741824);
    disk.set_disk("vda");
    disk.set_read_only(true);
    auto& partition = *terminal.guest.devices.add_block_devices();
    partition.set_name("vda1");
    partition.set_disk("vda");
    partition.set_partition(1);
    CHECK(terminal.run({"devices"}) == 0);
    CHECK(terminal.output.out_text() ==
          "NAME  TYPE          SIZE  ACCESS  SERIAL  DISK  PARTITION\n"
          "vda   disk       1.0 GiB  ro      root    vda           -\n"
          "vda1  partition      0 B  rw      -       vda           1\n");
    CHECK(terminal.run({"devices", "--json"}) == 0);
    CHECK(terminal.out_json().at_pointer("/0/size_bytes") == json::value(1073741824));
}

TEST_CASE("supervisor shows all services, or one in full, and restarts one", "[vminitctl]") {
    program terminal;
    auto& agent = add_service(terminal, "spin-supervisor");
    agent.set_state(supervisor_api::ServiceStatus::BACKING_OFF);
    agent.set_starts(3);
    agent.set_restarts_in_window(2);
    agent.set_restart_due_in_ms(1500);
    agent.mutable_last_exit()->set_status(139);
    agent.mutable_last_exit()->mutable_exited_at()->set_seconds(1772352930);
    agent.set_last_failure("no such file");
    auto& other = add_service(terminal, "other");
    other.set_state(supervisor_api::ServiceStatus::RUNNING);
    other.set_pid(77);
    CHECK(terminal.run({"supervisor"}) == 0);
    CHECK(terminal.output.out_text() ==
          "NAME             STATE        PID  STARTS  RESTARTS IN WINDOW  RESTART DUE IN  LAST EXIT STATUS\n"
          "spin-supervisor  backing off    -       3                   2          1.500s               139\n"
          "other            running       77       0                   0               -                 -\n");
    CHECK(terminal.run({"supervisor", "status", "spin-supervisor"}) == 0);
    CHECK(terminal.output.out_text().find("last failure:        no such file\n") != std::string::npos);
    CHECK(terminal.run({"supervisor", "--json"}) == 0);
    auto rows = terminal.out_json();
    CHECK(rows.at_pointer("/0/restart_due_in_usec") == json::value(1500000));
    CHECK(rows.at_pointer("/0/last_exit_at") == json::value("2026-03-01T08:15:30.000000000Z"));
    CHECK(rows.at_pointer("/1/last_exit_status").is_null());
    CHECK(terminal.run({"supervisor", "restart", "other"}) == 0);
    CHECK(terminal.output.out_text().empty());
    CHECK(terminal.guest.calls == calls{"Status", "Status spin-supervisor", "Status", "Restart other"});
    terminal.guest.failures["Restart"] = error(errc::failed_precondition, "service \"other\" waits for its trigger");
    CHECK(terminal.run({"supervisor", "restart", "other"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: failed precondition: service \"other\" waits for its trigger\n");
}

TEST_CASE("freeze, thaw, cpu, memory and log-level do what they are told", "[vminitctl]") {
    program terminal;
    CHECK(terminal.run({"freeze"}) == 0);
    CHECK(terminal.output.out_text() == "frozen:  nothing, there is no writable ext4 filesystem\n");
    terminal.guest.frozen = {"/run/bundles/a/mounts/1", "/data"};
    CHECK(terminal.run({"freeze", "--json"}) == 0);
    CHECK(terminal.out_json().at("frozen") == json::value({"/run/bundles/a/mounts/1", "/data"}));
    CHECK(terminal.run({"thaw"}) == 0);
    CHECK(terminal.run({"cpu", "online", "2"}) == 0);
    CHECK(terminal.run({"cpu", "offline", "3", "--json"}) == 0);
    CHECK(terminal.out_json() == json::value({{"cpu", 3}, {"state", "offline"}}));
    CHECK(terminal.run({"memory", "online", "40"}) == 0);
    CHECK(terminal.run({"memory", "offline", "41"}) == 0);
    CHECK(terminal.run({"log-level", "debug"}) == 0);
    CHECK(terminal.output.out_text() == "level:     debug\nprevious:  info\n");
    CHECK(terminal.guest.calls == calls{"FreezeFilesystems", "FreezeFilesystems", "ThawFilesystems", "OnlineCPU 2",
                                        "OfflineCPU 3", "OnlineMemory 40", "OfflineMemory 41", "SetLogLevel debug"});
}

TEST_CASE("resume without an id sets the whole guest right", "[vminitctl]") {
    program terminal;
    const auto& resumed = terminal.guest.resumed;
    auto before = wall_now();
    CHECK(terminal.run({"resume"}) == 0);
    CHECK(terminal.output.out_text() ==
          "clock before:  2026-03-01T08:15:30.000000000Z\n"
          "clock after:   2026-03-01T08:16:30.000000000Z\n"
          "entropy:       64 bytes\n");
    CHECK(resumed.entropy().size() == 64);
    auto first = resumed.entropy();
    auto sent =
        wall_time(std::chrono::seconds(resumed.now().seconds()) + std::chrono::nanoseconds(resumed.now().nanos()));
    CHECK(sent >= before);
    CHECK(sent <= wall_now());
    CHECK(terminal.run({"resume", "--step", "-1.5", "--entropy", "16"}) == 0);
    CHECK_FALSE(resumed.has_now());
    CHECK(resumed.step_ns() == -1500000000);
    CHECK(resumed.entropy().size() == 16);
    CHECK(resumed.entropy() != first.substr(0, 16));
    CHECK(terminal.run({"resume", "--keep-clock", "--entropy", "0"}) == 0);
    CHECK(resumed.SerializeAsString().empty());
    CHECK_FALSE(terminal.guest.has_call("Resume "));
}

TEST_CASE("boot writes a picture, and nothing else unless asked", "[vminitctl]") {
    program terminal;
    test::temporary_directory directory;
    auto file = directory.path("boot.svg");
    CHECK(terminal.run({"boot", "--svg", file}) == 0);
    CHECK(terminal.output.out_text().empty());
    auto svg = read_file(file);
    REQUIRE(svg);
    CHECK(svg->starts_with("<svg "));
    CHECK(svg->find("mount-filesystems") != std::string::npos);
    CHECK(terminal.run({"boot", "--svg", "/nonexistent/boot.svg"}) == exit_failure);
    CHECK(terminal.output.err_text().starts_with("vminitctl: not found: "));
    CHECK(terminal.run({"boot", "--svg", file, "--json"}) == 0);
    CHECK(terminal.out_json().at_pointer("/steps/0/name") == json::value("mount-filesystems"));
}

TEST_CASE("top redraws the screen of a terminal", "[vminitctl]") {
    program terminal;
    test::pseudo_terminal screen;
    screen.resize(80, 24);
    terminal.local.out = screen.slave.get();
    CHECK(terminal.run({"top", "web", "db", "--rounds", "2", "--interval", "0.1"}) == 0);
    // A head and two rows, twice; the kernel hands them over piece by piece.
    std::string text;
    while (std::count(text.begin(), text.end(), '\n') < 6) {
        char drawn[4096];
        auto count = ::read(screen.master.get(), drawn, sizeof drawn);
        REQUIRE(count > 0);
        text.append(drawn, static_cast<std::size_t>(count));
    }
    std::string clear = "\x1b[H\x1b[2J";
    CHECK(text.starts_with(clear));
    auto second = text.find(clear, 1);
    REQUIRE(second != std::string::npos);
    auto first_look = text.substr(clear.size(), second - clear.size());
    CHECK(first_look.find("web") != std::string::npos);
    CHECK(first_look.find("db") != std::string::npos);
    // Only the second look can tell how much CPU was used since the first.
    CHECK(text.substr(second).find("0.0") != std::string::npos);
}

TEST_CASE("what is missing or makes no sense is told before the guest is asked", "[vminitctl]") {
    CHECK(usage_error({"supervisor", "restart"}) ==
          "vminitctl: supervisor: restart needs the NAME of a service (see vminitctl supervisor --help)\n");
    CHECK(usage_error({"supervisor", "stop"}).starts_with("vminitctl: supervisor: "));
    CHECK(usage_error({"cpu", "up", "1"}).starts_with("vminitctl: cpu: "));
    CHECK(usage_error({"cpu", "online"}).starts_with("vminitctl: cpu: "));
    CHECK(usage_error({"memory", "online", "-1"}).starts_with("vminitctl: memory: "));
    CHECK(usage_error({"log-level", "loud"}).starts_with("vminitctl: log-level: "));
    CHECK(usage_error({"resume", "web", "--step", "1"}) ==
          "vminitctl: resume: --keep-clock, --step and --entropy are for the whole guest, without an ID "
          "(see vminitctl resume --help)\n");
    CHECK(usage_error({"resume", "--keep-clock", "--step", "1"}).find("exclude each other") != std::string::npos);
    CHECK(usage_error({"resume", "--entropy", "5000"}).starts_with("vminitctl: resume: "));
}

TEST_CASE("spans are written in the two or three units that matter", "[vminitctl]") {
    CHECK(format_span(0) == "0.000s");
    CHECK(format_span(59999999) == "59.999s");
    CHECK(format_span(60000000) == "1m 0s");
    CHECK(format_span(3600000000) == "1h 0m");
    CHECK(format_span(90061000000) == "1d 1h 1m");
}
