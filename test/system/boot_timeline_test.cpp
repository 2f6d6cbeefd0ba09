// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/boot_timeline.hpp"

#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

TEST_CASE("the timeline prints the lines hosts parse, also those from before the console", "[boot]") {
    test::io_fixture io;
    uptime now = 100us;
    boot_timeline timeline([&] { return now; });
    timeline.reached("pid1-entry");
    timeline.record({"mount-filesystems", 120us, 150us});
    CHECK(io.lines.empty());

    timeline.print_to(io.log(), boot_profile::on);
    REQUIRE(io.lines.size() == 2);
    CHECK(io.lines[0] == "VMINITD_READY uptime_us=100 phase=pid1-entry");
    CHECK(io.lines[1] == "VMINITD_PROFILE mount-filesystems delta_us=50 total_us=50");

    timeline.record({"dev-nodes", 150us, 157us, step_outcome::failed, "mknod"});
    now = 200us;
    timeline.reached("serve");
    REQUIRE(io.lines.size() == 4);
    CHECK(io.lines[2] == "VMINITD_PROFILE dev-nodes delta_us=7 total_us=57");
    CHECK(io.lines[3] == "VMINITD_READY uptime_us=200 phase=serve");
    CHECK(timeline.steps()[1].text == "mknod");
    CHECK(timeline.milestones()[1].at == 200us);
}

TEST_CASE("without profiling only readiness is printed", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline([] { return 1us; });
    timeline.print_to(io.log(), boot_profile::off);
    timeline.record({"network", 2us, 3us});
    timeline.reached("serve");
    CHECK(io.lines == std::vector<std::string>{"VMINITD_READY uptime_us=1 phase=serve"});
    CHECK(timeline.steps().size() == 1);
}

TEST_CASE("a step that ended before the one printed last has no negative figures", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline([] { return 0us; });
    timeline.print_to(io.log(), boot_profile::on);
    timeline.record({"network", 10us, 500us});
    timeline.record({"extras-extract", 5us, 400us});
    timeline.record({"service-new", 500us, 501us});
    REQUIRE(io.lines.size() == 3);
    CHECK(io.lines[1] == "VMINITD_PROFILE extras-extract delta_us=0 total_us=390");
    CHECK(io.lines[2] == "VMINITD_PROFILE service-new delta_us=1 total_us=491");
}

TEST_CASE("a step that is recorded again takes the place of the first", "[boot]") {
    boot_timeline timeline([] { return 1us; });
    timeline.record(step_record("network", 1us, 2us, step_outcome::failed, "not found"));
    timeline.record(step_record("extras", 1us, 2us));
    timeline.record(step_record("network", 1us, 9us));
    REQUIRE(timeline.steps().size() == 2);
    CHECK(timeline.steps()[0].name == "network");
    CHECK(timeline.steps()[0].outcome == step_outcome::ok);
    CHECK(timeline.steps()[0].ended == 9us);
}

TEST_CASE("the timeline is bounded", "[boot]") {
    boot_timeline timeline([] { return 1us; });
    for (std::size_t i = 0; i < boot_timeline::max_records + 10; ++i) timeline.reached("serve");
    CHECK(timeline.milestones().size() == boot_timeline::max_records);
}

TEST_CASE("uptime is the time since the kernel started", "[boot]") {
    auto before = uptime_now();
    CHECK(before > 0us);
    CHECK(uptime_now() >= before);
}
