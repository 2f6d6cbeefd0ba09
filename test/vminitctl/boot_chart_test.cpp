// SPDX-License-Identifier: Apache-2.0
#include "boot_chart.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace vminit::vminitctl;
namespace system_api = containerd::vminitd::services::system::v1;

namespace {

system_api::BootTimelineResponse timeline() {
    system_api::BootTimelineResponse response;
    auto add = [&](const char* name, std::uint64_t from, std::uint64_t to) -> system_api::BootStep& {
        auto& step = *response.add_steps();
        step.set_name(name);
        step.set_started_us(from);
        step.set_ended_us(to);
        return step;
    };
    add("network", 15000, 20000).set_outcome(system_api::BootStep::FAILED);
    response.mutable_steps(0)->set_text("no such device");
    add("mount-filesystems", 10000, 15000);
    auto& milestone = *response.add_milestones();
    milestone.set_phase("serve");
    milestone.set_at_us(20000);
    return response;
}

}  // namespace

TEST_CASE("the boot is a bar chart in order of start", "[vminitctl]") {
    CHECK(boot_chart(timeline(), 74) ==
          "       start        time\n"
          "   10.000 ms    5.000 ms  |########      |  mount-filesystems\n"
          "   15.000 ms    5.000 ms  |       #######|  network failed: no such device\n"
          "   20.000 ms              |             ^|  serve\n");
}

TEST_CASE("a narrow terminal still gets bars", "[vminitctl]") {
    CHECK(boot_chart(timeline(), 10).find("|     #####|") != std::string::npos);
}

TEST_CASE("no boot is no chart", "[vminitctl]") {
    system_api::BootTimelineResponse empty;
    CHECK(boot_chart(empty, 80) == "no boot was recorded\n");
    system_api::BootTimelineResponse instant;
    instant.add_steps()->set_name("only");
    CHECK(boot_chart(instant, 0).find("only") != std::string::npos);
}

TEST_CASE("programs get the boot as it was recorded", "[vminitctl]") {
    CHECK(
        boost::json::serialize(to_json(boot_facts(timeline()))) ==
        R"({"steps":[{"name":"network","started_us":15000,"ended_us":20000,"outcome":"failed","text":"no such device"},)"
        R"({"name":"mount-filesystems","started_us":10000,"ended_us":15000,"outcome":"ok","text":""}],)"
        R"("milestones":[{"phase":"serve","at_us":20000}]})");
}
