// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/system_api.hpp"

#include <catch2/catch.hpp>
#include <optional>

#include "api/system_fixture.hpp"
#include "vminit/process/process_service.hpp"

using namespace vminit;
using namespace std::chrono_literals;
namespace proto = containerd::vminitd::services::system::v1;

TEST_CASE("Info answers the version and the kernel's own line", "[api]") {
    test::system_fixture io;
    REQUIRE(replace_file(io.directory.path("version"), "Linux version 6.1.0\n", 0600));
    auto info = io.run(io.client().Info({}));
    REQUIRE(info);
    CHECK(info->version() == "1.2.3");
    CHECK(info->kernel_version() == "Linux version 6.1.0");
}

TEST_CASE("Info tells what hosts do not know yet in fields of ours", "[api]") {
    test::system_fixture io;
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
                             "cgroup:memory", "stdio:stream", "mount:mkdir", "user:name", "events:sequence"}) {
        CAPTURE(word);
        CHECK(test::system_fixture::has_capability(info, word));
    }
    // Not there, or not allowed by the dialect.
    for (const char* word : {"hotplug:memory", "cgroup:pids", "task:pause"}) {
        CAPTURE(word);
        CHECK_FALSE(test::system_fixture::has_capability(info, word));
    }
}

TEST_CASE("what Info keeps is what it would find", "[api]") {
    test::system_fixture io;
    CHECK(io.info().kernel_version().empty());  // a kernel that does not say yet
    io.write("version", "Linux version 6.1.0\n");
    CHECK(io.info().kernel_version() == "Linux version 6.1.0");
    io.timeline.record(system::step_record("network", system::uptime(2), system::uptime(3),
                                           system::step_outcome::failed, "no device eth0"));
    io.now = system::uptime(7);
    CHECK(io.info().uptime_us() == 7);
    io.now = system::uptime(8);
    CHECK(io.info().uptime_us() == 8);
    CHECK(io.info().degraded_steps_size() == 1);
    // Info is answered before /sys is mounted, and again after it.
    CHECK_FALSE(test::system_fixture::has_capability(io.info(), "hotplug:cpu"));
    io.write("sys/devices/system/cpu/hotplug/states", "");
    CHECK_FALSE(test::system_fixture::has_capability(io.info(), "cgroup:memory"));
    io.write("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
    CHECK(test::system_fixture::has_capability(io.info(), "hotplug:cpu"));
    CHECK(test::system_fixture::has_capability(io.info(), "cgroup:memory"));
    CHECK_FALSE(test::system_fixture::has_capability(io.info(), "rpc:t.S"));
    io.server().add(api::make_system_api(io.ctx, io.timeline), "t.S");
    CHECK(test::system_fixture::has_capability(io.info(), "rpc:t.S"));
}

TEST_CASE("SystemInfo is Info under the seed's name", "[api]") {
    test::system_fixture io;
    io.write("version", "Linux version 6.1.0\n");
    auto info = io.run(io.client().SystemInfo({}));
    REQUIRE(info);
    CHECK(info->SerializeAsString() == io.info().SerializeAsString());
}

TEST_CASE("the runtime is asked once, and its absent features stay absent", "[api]") {
    test::system_fixture io;
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
    test::system_fixture io;
    io.runtime.set_fault("features", R"({"fault": "hang"})");
    std::optional<result<proto::InfoResponse>> first;
    auto ask = [](test::system_fixture& self, std::optional<result<proto::InfoResponse>>& into) -> awaitable<void> {
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
