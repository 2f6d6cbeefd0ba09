// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "devices/tar_file.hpp"
#include "event_text.hpp"
#include "guest.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

namespace own = vminit::system::v1;
namespace supervisor_api = vminit::supervisor::v1;
namespace wire = spinbox::services::vmevents::v1;
using event_stream = ttrpc::duplex_stream<wire::StreamRequest, containerd::types::Envelope>;

/// The events from now on whose topics begin with `prefix`, as topic and facts.
class event_reader {
public:
    event_reader(guest& vm, std::string prefix) : vm_(vm), prefix_(std::move(prefix)), stream_(open(vm)) {
        REQUIRE(vm.run(stream_.write(wire::StreamRequest())));
    }

    /// `topic key=value ...` of the next one.
    std::string next() {
        auto text = vm_.run(read_next(stream_, prefix_));
        REQUIRE(text);
        return *text;
    }

private:
    static event_stream open(guest& vm) {
        auto stream = vminitctl::events_client(vm.rpc()).Stream();
        REQUIRE(stream);
        return std::move(*stream);
    }

    static awaitable<result<std::string>> read_next(event_stream& stream, const std::string& prefix) {
        for (;;) {
            auto event = co_await stream.read();
            if (!event) co_return event.error();
            if (!*event) co_return error(errc::unavailable, "event stream");
            if (!(*event)->topic().starts_with(prefix)) continue;
            // Without the time at the front.
            auto line = vminitctl::event_line(**event);
            co_return line.substr(line.find(' ') + 1);
        }
    }

    guest& vm_;
    std::string prefix_;
    event_stream stream_;
};

std::int64_t guest_seconds(guest& vm) { return std::stoll(vm.look_inside("date +%s")); }

}  // namespace

TEST_CASE("Info tells what this guest can do, under both names", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto info = vm.run(vm.system().SystemInfo({}, guest::limit));
    REQUIRE(info);
    std::string words = " ";
    for (const auto& word : info->capabilities()) words += word + " ";
    for (const char* word : {"rpc:containerd.task.v3.Task", "rpc:containerd.task.v2.Task",
                             "rpc:vminit.supervisor.v1.Supervisor", "stdio:stream", "mount:mkdir", "user:name",
                             "init:container", "hotplug:cpu", "cgroup:memory", "cgroup:pids"}) {
        CAPTURE(words, word);
        CHECK(words.find(" " + std::string(word) + " ") != std::string::npos);
    }
    CHECK(info->kernel_version().find('\n') == std::string::npos);
    CHECK(info->degraded_steps_size() == 0);
    auto later = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(later);
    CHECK(later->uptime_us() > info->uptime_us());
    // Under emulation the runtime may take longer than the first answers wait for it.
    while (later && later->runtime_version().empty()) later = vm.run(vm.system().Info({}, guest::limit));
    REQUIRE(later);
    CHECK(later->runtime_version().starts_with("crun version "));
}

TEST_CASE("Health of an idle guest is ok, with figures that were measured", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto health = vm.run(vm.system().Health({}, guest::limit));
    REQUIRE(health);
    std::string names;
    for (const auto& layer : health->layers()) {
        names += layer.name() + " ";
        CAPTURE(layer.name(), layer.text());
        // Emulation may hold the loop up, or a look at the runtime, for longer than a host would wait.
        bool is_slow = layer.name() == "core" || layer.text().find("not enough to look") != std::string::npos;
        if (!is_slow) CHECK(layer.state() == own::HealthResponse::OK);
    }
    CHECK(names == "core reaper system devices events ttrpc streams runc process supervisor ");
    CHECK(health->loop_lag_us() > 0);
    CHECK(health->longest_stall_us() >= health->loop_lag_us());
    CHECK(health->reaper_backlog() == 0);
    CHECK(health->resident_bytes() > 500000);
    CHECK(health->resident_bytes() < 16000000);
}

TEST_CASE("Metrics count the containers that came and went", "[vm]") {
    guest vm(virtual_machine::shared_address());
    const std::string started = R"(vminit_rpc_started_total{service="containerd.task.v3.Task",method="Start"})";
    const std::string output = R"(vminit_stdio_bytes_total{direction="output"})";
    auto before = vm.metrics();
    auto starts = before.find(started) == std::string::npos ? 0 : sample_of(before, started);
    auto exits = sample_of(before, "vminit_exits_total");
    auto bytes = sample_of(before, output);
    CHECK(vm.run_container(container_wish("echo 123456789")).status == 0);
    auto after = vm.metrics();
    CHECK(sample_of(after, started) == starts + 1);
    CHECK(sample_of(after, "vminit_exits_total") == exits + 1);
    CHECK(sample_of(after, output) == bytes + 10);
    CHECK(sample_of(after, "vminit_containers") == 0);
    CHECK(sample_of(after, R"(vminit_rpc_duration_seconds_count{service="containerd.task.v3.Task",method="Start"})") ==
          starts + 1);
    CHECK(sample_of(after, "process_resident_memory_bytes") > 500000);
    CHECK(sample_of(after, "process_heap_bytes") > 50000);
}

TEST_CASE("Resume moves the guest's clock, takes entropy and is an event", "[vm]") {
    guest vm(virtual_machine::shared_address());
    event_reader events(vm, "/vminit/system/");
    auto before = guest_seconds(vm);
    own::ResumeRequest step;
    step.set_step_ns(std::chrono::nanoseconds(1000h).count());
    step.set_entropy(std::string(64, 'r'));
    auto stepped = vm.run(vm.system().Resume(step, guest::limit));
    REQUIRE(stepped);
    CHECK(stepped->entropy_bytes() == 64);
    CHECK(stepped->after().seconds() - stepped->before().seconds() >= 3600000);
    auto ahead = guest_seconds(vm);
    CHECK(ahead - before >= 3600000);
    CHECK(events.next().find("/vminit/system/resumed before=") == 0);
    own::ResumeRequest set;
    set.mutable_now()->set_seconds(1900000000);
    REQUIRE(vm.run(vm.system().Resume(set, guest::limit)));
    auto now = guest_seconds(vm);
    CHECK(now >= 1900000000);
    CHECK(now < 1900003600);
    CHECK(events.next().find("before=") != std::string::npos);
    step.set_step_ns(std::chrono::nanoseconds(std::chrono::seconds(before - now)).count());
    CHECK(vm.run(vm.system().Resume(step, guest::limit)));
    auto refused = vm.run(vm.system().Resume(
        [] {
            own::ResumeRequest both;
            both.mutable_now()->set_seconds(1);
            both.set_step_ns(1);
            return both;
        }(),
        guest::limit));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::invalid_argument);
}

TEST_CASE("SetLogLevel changes what the console shows", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto set = [&](const char* level) {
        own::SetLogLevelRequest request;
        request.set_level(level);
        auto answer = vm.run(vm.system().SetLogLevel(request, guest::limit));
        REQUIRE(answer);
        return answer->previous();
    };
    auto usual = set("debug");
    CHECK(set("warn") == "debug");
    CHECK(set(usual.c_str()) == "warn");
}

TEST_CASE("Devices has the disk under its serial number", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto devices = vm.run(vm.system().Devices({}, guest::limit));
    REQUIRE(devices);
    int found = 0;
    for (const auto& device : devices->block_devices()) {
        if (device.serial() != "root") continue;
        ++found;
        CHECK(device.name() == "vda");
        CHECK(device.size_bytes() > 100000);
        CHECK(device.read_only());
        CHECK(device.partition() == 0);
    }
    CHECK(found == 1);
}

TEST_CASE("without a binary the supervisor agent is absent, and a restart looks again", "[vm]") {
    guest vm(virtual_machine::shared_address());
    // It is looked for 2 s after boot at the latest.
    CHECK(vm.settled_agent().state() == supervisor_api::ServiceStatus::ABSENT);
    supervisor_api::RestartRequest request;
    request.set_name("spin-supervisor");
    CHECK(vm.run(vm.supervisor().Restart(request, guest::limit)));
    CHECK(vm.agent_status().state() == supervisor_api::ServiceStatus::ABSENT);
    request.set_name("nobody");
    CHECK(vm.run(vm.supervisor().Restart(request, guest::limit)).error().kind() == errc::not_found);
}

TEST_CASE(
    "an agent from the extras disk that crashes is restarted, can be restarted by hand, and each step is an event",
    "[vm]") {
    temporary_directory directory;
    auto binary = read_file(VMINIT_CRASHING_AGENT, std::size_t{16} << 20);
    REQUIRE(binary);
    tar_file(directory.path("extras.tar")).add("/run/spin-stack/spin-supervisor", *binary, 0600);
    virtual_machine machine({"--disk", directory.path("extras.tar") + ":extras", "--append", "spin.extras_disk=1"});
    guest vm(machine.address());
    event_reader events(vm, "/vminit/supervisor/");
    CHECK(events.next().starts_with("/vminit/supervisor/started name=spin-supervisor pid="));
    CHECK(events.next().find("exit_status=3") != std::string::npos);
    CHECK(events.next() == "/vminit/supervisor/restarting name=spin-supervisor delay_ms=1000 restarts_in_window=1");
    CHECK(events.next().starts_with("/vminit/supervisor/started "));
    auto status = vm.agent_status();
    CHECK(status.state() == supervisor_api::ServiceStatus::RUNNING);
    CHECK(status.binary() == "/run/spin-stack/spin-supervisor");
    CHECK(status.starts() == 2);
    CHECK(status.restarts_in_window() == 1);
    CHECK(status.last_exit().status() == 3);
    auto pid = std::to_string(status.pid());
    CHECK(vm.look_inside("cat /proc/1/root/run/spin-supervisor.pid") == pid + "\n");
    CHECK(vm.look_inside("cat /proc/" + pid + "/cgroup") == "0::/spin-supervisor\n");
    CHECK(vm.look_inside("stat -c %a /proc/1/root/run/spin-stack/spin-supervisor") == "755\n");

    supervisor_api::RestartRequest request;
    request.set_name("spin-supervisor");
    CHECK(vm.run(vm.supervisor().Restart(request, guest::limit)));
    CHECK(events.next().find("pid=" + pid + " exit_status=143") != std::string::npos);
    CHECK(events.next().starts_with("/vminit/supervisor/started "));
    status = vm.agent_status();
    CHECK(status.starts() == 3);
    CHECK(status.restarts_in_window() == 0);
    CHECK(std::to_string(status.pid()) != pid);
}
