#include "vminit/api/system_api.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include <cerrno>
#include <limits>
#include <optional>

#include "api/api_fixture.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "support/fake_runtime.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/events/v1/events.pb.h"
#include "vminit/process/process_service.hpp"
#include "vminit/system/system_service.hpp"

using namespace vminit;
using namespace std::chrono_literals;
namespace proto = containerd::vminitd::services::system::v1;

namespace {

class system_fixture : public test::api_fixture {
public:
    system_fixture() {
        system::system_config config;
        config.version = "1.2.3";
        config.kernel_version_file = directory.path("version");
        config.sysfs = directory.path("sys");
        config.cleanup.bundles = directory.path("bundles");
        config.cleanup.temporary = directory.path("tmp");
        REQUIRE(make_directories(directory.path("sys/fs/cgroup"), 0755));
        asio::make_service<system::system_service>(ctx, std::move(config));
        devices::device_config disks;
        disks.sysfs = directory.path("sys");
        asio::make_service<devices::device_service>(ctx, std::move(disks));
        asio::make_service<runc::runc_service>(ctx, runtime.config());
        server().add(api::make_system_api(ctx, timeline));
    }

    ~system_fixture() { syscalls::set_fault_hook(nullptr); }

    proto::SystemClient client() { return proto::SystemClient(rpc()); }

    void write(const std::string& name, const std::string& text) {
        auto path = directory.path(name);
        REQUIRE(make_directories(path.substr(0, path.rfind('/')), 0755));
        REQUIRE(replace_file(path, text, 0644));
    }

    proto::InfoResponse info() {
        auto answer = run(client().Info({}));
        REQUIRE(answer);
        return std::move(*answer);
    }

    static bool has_capability(const proto::InfoResponse& info, std::string_view word) {
        for (const auto& one : info.capabilities()) {
            if (one == word) return true;
        }
        return false;
    }

    test::temporary_directory directory;
    test::fake_runtime runtime;
    task_group tasks{ex(), log()};
    system::uptime now{0};
    system::boot_timeline timeline{[this] { return now; }};
};

}  // namespace

TEST_CASE("Info answers the version and the kernel's own line", "[api]") {
    system_fixture io;
    REQUIRE(replace_file(io.directory.path("version"), "Linux version 6.1.0\n", 0600));
    auto info = io.run(io.client().Info({}));
    REQUIRE(info);
    CHECK(info->version() == "1.2.3");
    CHECK(info->kernel_version() == "Linux version 6.1.0");
}

TEST_CASE("PrepareShutdown cleans up and may be repeated", "[api]") {
    system_fixture io;
    REQUIRE(make_directories(io.directory.path("bundles/c1/rootfs"), 0700));
    REQUIRE(make_directories(io.directory.path("tmp/x"), 0700));
    CHECK(io.run(io.client().PrepareShutdown({})));
    CHECK(io.run(io.client().PrepareShutdown({})));
    CHECK_FALSE(read_file(io.directory.path("bundles/c1/rootfs")).has_value());
    CHECK(make_directories(io.directory.path("bundles/c1"), 0700).has_value());
}

TEST_CASE("hot-plug errors keep their texts and classes", "[api]") {
    system_fixture io;
    proto::OfflineCPURequest boot;
    auto refused = io.run(io.client().OfflineCPU(boot));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "cpu 0 cannot be offlined (boot processor): invalid argument");
    proto::OfflineCPURequest missing;
    missing.set_cpu_id(7);
    auto absent = io.run(io.client().OfflineCPU(missing));
    REQUIRE_FALSE(absent);
    CHECK(absent.error().message() == "cpu 7 not present: not found");
}

TEST_CASE("the boot timeline is answered as recorded", "[api]") {
    system_fixture io;
    io.now = system::uptime(10);
    io.timeline.reached("pid1-entry");
    io.timeline.record(system::step_record("mount", system::uptime(11), system::uptime(15)));
    io.timeline.record(system::step_record("cgroup-control", system::uptime(15), system::uptime(16),
                                           system::step_outcome::degraded, "no cpuset"));
    auto timeline = io.run(io.client().BootTimeline({}));
    REQUIRE(timeline);
    REQUIRE(timeline->steps_size() == 2);
    CHECK(timeline->steps(0).name() == "mount");
    CHECK(timeline->steps(0).started_us() == 11);
    CHECK(timeline->steps(0).ended_us() == 15);
    CHECK(timeline->steps(0).outcome() == proto::BootStep_Outcome_OK);
    CHECK(timeline->steps(1).outcome() == proto::BootStep_Outcome_DEGRADED);
    CHECK(timeline->steps(1).text() == "no cpuset");
    REQUIRE(timeline->milestones_size() == 1);
    CHECK(timeline->milestones(0).phase() == "pid1-entry");
    CHECK(timeline->milestones(0).at_us() == 10);
}

TEST_CASE("Info tells what hosts do not know yet in fields of ours", "[api]") {
    system_fixture io;
    asio::make_service<process::process_service>(io.ctx, process::process_config());
    io.write("sys/devices/system/cpu/hotplug/states", "");
    io.write("sys/fs/cgroup/cgroup.controllers", "cpuset cpu memory\n");
    io.now = system::uptime(5000000);
    io.timeline.record(system::step_record("mount", system::uptime(1), system::uptime(2)));
    io.timeline.record(system::step_record("network", system::uptime(2), system::uptime(3),
                                           system::step_outcome::failed, "no device eth0"));
    auto info = io.info();
    CHECK(info.uptime_us() == 5000000);
    REQUIRE(info.degraded_steps_size() == 1);
    CHECK(info.degraded_steps(0).name() == "network");
    CHECK(info.degraded_steps(0).outcome() == proto::BootStep_Outcome_FAILED);
    CHECK(info.degraded_steps(0).text() == "no device eth0");
    for (const char* word : {"rpc:containerd.vminitd.services.system.v1.System", "hotplug:cpu", "cgroup:cpuset",
                             "cgroup:memory", "stdio:stream", "mount:mkdir", "events:sequence"}) {
        CAPTURE(word);
        CHECK(system_fixture::has_capability(info, word));
    }
    // Not there, or not allowed by the dialect.
    for (const char* word : {"hotplug:memory", "cgroup:pids", "task:pause"}) {
        CAPTURE(word);
        CHECK_FALSE(system_fixture::has_capability(info, word));
    }
}

TEST_CASE("SystemInfo is Info under the seed's name", "[api]") {
    system_fixture io;
    io.write("version", "Linux version 6.1.0\n");
    auto info = io.run(io.client().SystemInfo({}));
    REQUIRE(info);
    CHECK(info->SerializeAsString() == io.info().SerializeAsString());
}

TEST_CASE("the runtime is asked once, and its absent features stay absent", "[api]") {
    system_fixture io;
    SECTION("it has features") {
        CHECK(io.runtime.calls().empty());  // not before somebody wants to know
        CHECK(io.info().runtime_version() == "crun version 1.8.1");
        CHECK(io.info().runtime_features() == R"({"ociVersionMin": "1.0.0", "ociVersionMax": "1.1.0+dev"})");
    }
    SECTION("it has none") {
        io.runtime.set_fault("features", R"({"fault": "stderr", "message": "unknown command", "times": -1})");
        CHECK(io.info().runtime_version() == "crun version 1.8.1");
        CHECK(io.info().runtime_features().empty());
    }
    CHECK(io.runtime.calls("features").size() == 1);
    CHECK(io.runtime.calls().size() == 2);
}

TEST_CASE("a runtime that hangs holds up the first Info for two seconds, and is given up once", "[api]") {
    manual_time time;
    system_fixture io;
    io.runtime.set_fault("features", R"({"fault": "hang"})");
    std::optional<result<proto::InfoResponse>> first;
    auto ask = [](system_fixture& self, std::optional<result<proto::InfoResponse>>& into) -> awaitable<void> {
        auto answer = co_await self.client().Info({});
        into.emplace(std::move(answer));
    };
    io.tasks.spawn("info", ask(io, first));
    io.runtime.await_calls(io, "features");
    time.advance(2s - 1ns);
    io.poll();
    CHECK_FALSE(first);
    time.advance(1ns);
    io.pump([&] { return first.has_value(); });
    REQUIRE(*first);
    CHECK((*first)->version() == "1.2.3");
    CHECK((*first)->runtime_version().empty());
    time.advance(runc::time_limits().query);
    for (int times = 0; times < 2; ++times) {
        auto info = io.info();
        CHECK(info.runtime_version() == "crun version 1.8.1");
        CHECK(info.runtime_features().empty());
    }
    CHECK(io.runtime.calls("features").size() == 1);
}

TEST_CASE("Health is measured: the layers, the loop, the pool, the oldest call", "[api]") {
    system_fixture io;
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->state() == vminit::system::v1::HealthResponse::OK);
    std::string names;
    for (const auto& layer : health->layers()) names += layer.name() + " ";
    CHECK(names == "core reaper system devices events ttrpc runc ");
    CHECK(health->resident_bytes() > 1000000);
    CHECK(health->events_capacity() == events::exchange_service::max_held);
    CHECK(health->events_undelivered() == 0);
    CHECK_FALSE(health->has_oldest_call());
    asio::use_service<events::exchange_service>(io.ctx).publish(events::task_oom{"c1"});
    CHECK(io.run(io.client().Health({}))->events_undelivered() == 1);
}

TEST_CASE("Health names the degraded layer, and is degraded itself", "[api]") {
    system_fixture io;
    io.timeline.record(
        system::step_record("network", system::uptime(2), system::uptime(3), system::step_outcome::failed));
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->state() == vminit::system::v1::HealthResponse::DEGRADED);
    for (const auto& layer : health->layers()) {
        CAPTURE(layer.name());
        bool is_degraded = layer.state() == vminit::system::v1::HealthResponse::DEGRADED;
        CHECK(is_degraded == (layer.name() == "system"));
        CHECK(layer.text() == (is_degraded ? "boot step network" : ""));
    }
}

namespace {

std::shared_future<void>* stalled_disk = nullptr;
std::atomic<int> looks = 0;

int hang_in_access(std::string_view name) {
    if (name != "access") return 0;
    ++looks;
    stalled_disk->wait();
    return 0;
}

std::string text_of(const vminit::system::v1::HealthResponse& health, std::string_view layer) {
    for (const auto& one : health.layers()) {
        if (one.name() == layer) return one.text();
    }
    return "no such layer";
}

awaitable<void> hang(blocking_service& pool, blocking_lane lane, std::shared_future<void> passed) {
    auto job = [passed]() -> result<void> {
        passed.wait();
        return {};
    };
    (void)co_await pool.run(lane, std::move(job), "hung");
}

}  // namespace

TEST_CASE("Health and Metrics are answered when the disk with the runtime stalls", "[api]") {
    system_fixture io;
    std::promise<void> gate;
    auto passed = gate.get_future().share();
    stalled_disk = &passed;
    looks = 0;
    syscalls::set_fault_hook(hang_in_access);
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    for (int call = 0; call < 3; ++call) {
        auto health = io.run(io.client().Health({}));
        REQUIRE(health);
        CHECK(text_of(*health, "runc") == "200 ms were not enough to look for the runtime");
        // One look at a time: asking often costs no more threads.
        CHECK(looks == 1);
    }
    CHECK(io.run(io.client().Metrics({})));
    gate.set_value();
    while (pool.counters(blocking_lane::files).running > 0) std::this_thread::yield();
    CHECK(text_of(*io.run(io.client().Health({})), "runc").empty());
}

TEST_CASE("Health and Metrics are answered when every lane hangs", "[api]") {
    system_fixture io;
    std::promise<void> gate;
    auto passed = gate.get_future().share();
    auto& pool = asio::use_service<blocking_service>(io.ctx);
    for (std::size_t i = 0; i < blocking_lane_count; ++i) {
        auto lane = static_cast<blocking_lane>(i);
        for (std::size_t n = 0; n < blocking_service::max_active(lane); ++n)
            io.tasks.spawn("hung", hang(pool, lane, passed));
    }
    io.poll();
    while (pool.counters().running < io.tasks.size()) std::this_thread::yield();
    auto hung = io.tasks.size();
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->blocking_running() == hung);
    CHECK(text_of(*health, "runc") == "200 ms were not enough to look for the runtime");
    auto metrics = io.run(io.client().Metrics({}));
    REQUIRE(metrics);
    CHECK(metrics->text().find("vminit_blocking_jobs_running{lane=\"mounts\"} 4\n") != std::string::npos);
    gate.set_value();
    io.pump([&] { return io.tasks.size() == 0; });
}

TEST_CASE("a call that is under way is the oldest in Health", "[api]") {
    system_fixture io;
    io.runtime.set_fault("features", R"({"fault": "hang"})");
    auto& tasks = io.tasks;
    auto slow = [](system_fixture& self) -> awaitable<void> { (void)co_await self.client().Info({}); };
    tasks.spawn("info", slow(io));
    io.runtime.await_calls(io, "features");
    auto health = io.run(io.client().Health({}));
    REQUIRE(health);
    CHECK(health->oldest_call().service() == "containerd.vminitd.services.system.v1.System");
    CHECK(health->oldest_call().method() == "Info");
    CHECK(health->oldest_call().age_us() > 0);
    tasks.stop();
    io.run(tasks.join());
}

TEST_CASE("Metrics count what was called", "[api]") {
    system_fixture io;
    io.run(io.client().PrepareShutdown({}));
    io.run(io.client().PrepareShutdown({}));
    auto metrics = io.run(io.client().Metrics({}));
    REQUIRE(metrics);
    std::string labels = R"({service="containerd.vminitd.services.system.v1.System",method="PrepareShutdown"})";
    CHECK(metrics->text().find("\nvminit_rpc_started_total" + labels + " 2\n") != std::string::npos);
    CHECK(metrics->text().find("\nvminit_rpc_duration_seconds_count" + labels + " 2\n") != std::string::npos);
    CHECK(metrics->text().find("vminit_info{version=\"1.2.3\"} 1\n") != std::string::npos);
}

TEST_CASE("Resume changes the clock and the random pool, answers both times and is an event", "[api]") {
    system_fixture io;
    // Neither the clock nor the random pool of this machine is to be touched.
    static std::vector<std::string> attempted;
    attempted.clear();
    syscalls::set_fault_hook([](std::string_view name) {
        if (name != "clock_settime" && name != "RNDADDENTROPY") return 0;
        attempted.emplace_back(name);
        return EPERM;
    });
    vminit::system::v1::ResumeRequest request;
    auto& exchange = asio::use_service<events::exchange_service>(io.ctx);
    SECTION("nothing but the news") {
        auto before = wall_now();
        auto answer = io.run(io.client().Resume(request));
        REQUIRE(answer);
        CHECK(answer->entropy_bytes() == 0);
        CHECK(answer->before().seconds() >=
              std::chrono::floor<std::chrono::seconds>(before).time_since_epoch().count());
        CHECK(attempted.empty());
        auto subscription = exchange.subscribe();
        auto event = io.run(subscription.next());
        REQUIRE(event);
        CHECK((*event)->topic() == "/vminit/system/resumed");
        vminit::events::v1::Resumed resumed;
        REQUIRE(resumed.ParseFromString(std::get<events::foreign_event>((*event)->event).value));
        CHECK(resumed.after().SerializeAsString() == answer->after().SerializeAsString());
        CHECK(io.has_line("resumed clock_moved_ms="));
    }
    SECTION("a clock that may not be set") {
        request.mutable_now()->set_seconds(1900000000);
        auto answer = io.run(io.client().Resume(request));
        REQUIRE_FALSE(answer);
        CHECK(answer.error().message() == "clock_settime: Operation not permitted: permission denied");
        CHECK(attempted == std::vector<std::string>{"clock_settime"});
        CHECK(exchange.counters().published == 0);
    }
    SECTION("entropy goes first") {
        request.set_step_ns(1);
        request.set_entropy("random");
        CHECK_FALSE(io.run(io.client().Resume(request)));
        CHECK(attempted == std::vector<std::string>{"RNDADDENTROPY"});
    }
}

TEST_CASE("a Resume that makes no sense is refused and changes nothing", "[api]") {
    system_fixture io;
    syscalls::set_fault_hook([](std::string_view name) { return name == "clock_settime" ? EIO : 0; });
    vminit::system::v1::ResumeRequest request;
    std::string expected;
    SECTION("two clocks") {
        request.mutable_now()->set_seconds(1900000000);
        request.set_step_ns(5);
        expected = "a time and a step: only one can be followed";
    }
    SECTION("nanoseconds beyond a second") {
        request.mutable_now()->set_nanos(1000000000);
        expected = "a time that no clock can show";
    }
    SECTION("a second beyond 64 bits of nanoseconds") {
        request.mutable_now()->set_seconds(std::numeric_limits<std::int64_t>::max());
        expected = "a time that no clock can show";
    }
    SECTION("a year beyond reason") {
        request.mutable_now()->set_seconds(9000000000);
        expected = "a time outside 1970 to 2200";
    }
    SECTION("too much entropy") {
        request.set_entropy(std::string(4097, 'x'));
        expected = "entropy of 4097 bytes is too much";
    }
    auto answer = io.run(io.client().Resume(request));
    REQUIRE_FALSE(answer);
    CHECK(answer.error().message() == expected + ": invalid argument");
    CHECK(answer.error().kind() == errc::invalid_argument);
    CHECK(asio::use_service<events::exchange_service>(io.ctx).counters().published == 0);
}

TEST_CASE("SetLogLevel takes effect at once and answers the level before", "[api]") {
    system_fixture io;
    vminit::system::v1::SetLogLevelRequest request;
    request.set_level("warn");
    auto answer = io.run(io.client().SetLogLevel(request));
    REQUIRE(answer);
    CHECK(answer->previous() == "debug");
    CHECK_FALSE(io.log().is_enabled(log_level::info));
    request.set_level("info");
    CHECK(io.run(io.client().SetLogLevel(request))->previous() == "warn");
    CHECK(io.has_line("log level set level=info previous=warn"));
    request.set_level("loud");
    auto refused = io.run(io.client().SetLogLevel(request));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "log level \"loud\": invalid argument");
    CHECK(io.log().level() == log_level::info);
}

TEST_CASE("Devices lists disks and partitions", "[api]") {
    system_fixture io;
    CHECK(io.run(io.client().Devices({}))->block_devices_size() == 0);
    io.write("sys/block/vda/serial", "root\n");
    io.write("sys/block/vda/size", "2048\n");
    io.write("sys/block/vda/ro", "1\n");
    io.write("sys/block/vda/vda1/partition", "1\n");
    auto devices = io.run(io.client().Devices({}));
    REQUIRE(devices);
    REQUIRE(devices->block_devices_size() == 2);
    const auto& disk = devices->block_devices(0);
    CHECK(disk.name() == "vda");
    CHECK(disk.serial() == "root");
    CHECK(disk.size_bytes() == 1048576);
    CHECK(disk.read_only());
    CHECK(disk.disk() == "vda");
    CHECK(disk.partition() == 0);
    const auto& partition = devices->block_devices(1);
    CHECK(partition.name() == "vda1");
    CHECK(partition.disk() == "vda");
    CHECK(partition.partition() == 1);
}
