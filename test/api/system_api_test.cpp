// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/system_api.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <limits>

#include "api/system_fixture.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/events/v1/events.pb.h"

using namespace vminit;
using namespace std::chrono_literals;
namespace proto = containerd::vminitd::services::system::v1;

TEST_CASE("PrepareShutdown cleans up and may be repeated", "[api]") {
    test::system_fixture io;
    REQUIRE(make_directories(io.directory.path("bundles/c1/rootfs"), 0700));
    REQUIRE(make_directories(io.directory.path("tmp/x"), 0700));
    CHECK(io.run(io.client().PrepareShutdown({})));
    CHECK(io.run(io.client().PrepareShutdown({})));
    CHECK_FALSE(read_file(io.directory.path("bundles/c1/rootfs")).has_value());
    CHECK(make_directories(io.directory.path("bundles/c1"), 0700).has_value());
}

TEST_CASE("hot-plug errors keep their texts and classes", "[api]") {
    test::system_fixture io;
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
    test::system_fixture io;
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

TEST_CASE("Resume changes the clock and the random pool, answers both times and is an event", "[api]") {
    test::system_fixture io;
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
    test::system_fixture io;
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
    test::system_fixture io;
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
    test::system_fixture io;
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
