#include "vminit/api/system_api.hpp"

#include <catch2/catch.hpp>

#include "api/api_fixture.hpp"
#include "github.com/spin-stack/spinbox/api/services/system/v1/info.ttrpc.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/system/system_service.hpp"

using namespace vminit;
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
        asio::make_service<system::system_service>(ctx, std::move(config));
        server().add(api::make_system_api(ctx, timeline));
    }

    proto::SystemClient client() { return proto::SystemClient(rpc()); }

    test::temporary_directory directory;
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
