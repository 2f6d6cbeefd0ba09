// SPDX-License-Identifier: Apache-2.0
#include "boot_picture.hpp"

#include <catch2/catch.hpp>
#include <regex>
#include <vector>

using namespace vminit::vminitctl;
namespace system_api = containerd::vminitd::services::system::v1;

namespace {

void add(system_api::BootTimelineResponse& timeline, const char* name, std::uint64_t from, std::uint64_t to) {
    auto& step = *timeline.add_steps();
    step.set_name(name);
    step.set_started_us(from);
    step.set_ended_us(to);
}

struct bar {
    double x, y, width;
    std::string fill;
};

std::vector<bar> bars_of(const std::string& svg) {
    std::regex pattern(
        R"re(<rect x="([0-9.]+)" y="([0-9.]+)" width="([0-9.]+)" height="14" rx="2" fill="(#[0-9a-f]+)">)re");
    std::vector<bar> bars;
    for (std::sregex_iterator at(svg.begin(), svg.end(), pattern), end; at != end; ++at) {
        bars.push_back(bar{std::stod((*at)[1]), std::stod((*at)[2]), std::stod((*at)[3]), (*at)[4]});
    }
    return bars;
}

/// Every tag is closed, in order, and no `<` or `&` is left over.
void check_well_formed(const std::string& svg) {
    std::regex token(R"re(<(/?)([a-z]+)([^<>]*?)(/?)>|[^<>&]+|&(lt|gt|amp|quot);)re");
    std::vector<std::string> open;
    std::size_t covered = 0;
    for (std::sregex_iterator at(svg.begin(), svg.end(), token), end; at != end; ++at) {
        CHECK(static_cast<std::size_t>(at->position()) == covered);
        covered += static_cast<std::size_t>(at->length());
        auto name = (*at)[2].str();
        if (name.empty() || (*at)[4] == "/") continue;
        if ((*at)[1] != "/") {
            open.push_back(name);
        } else {
            REQUIRE_FALSE(open.empty());
            CHECK(open.back() == name);
            open.pop_back();
        }
    }
    CHECK(covered == svg.size());
    CHECK(open.empty());
}

}  // namespace

TEST_CASE("bars are where and as long as the steps, coloured by outcome", "[vminitctl]") {
    system_api::BootTimelineResponse timeline;
    add(timeline, "mount-filesystems", 10000, 20000);
    add(timeline, "network", 20000, 30000);
    timeline.mutable_steps(1)->set_outcome(system_api::BootStep::FAILED);
    add(timeline, "instant", 30000, 30000);
    auto svg = boot_picture(timeline);
    check_well_formed(svg);
    auto bars = bars_of(svg);
    REQUIRE(bars.size() == 3);
    using Catch::Matchers::WithinAbs;
    CHECK_THAT(bars[0].width, WithinAbs(310, 0.01));
    CHECK_THAT(bars[1].width, WithinAbs(310, 0.01));
    CHECK_THAT(bars[1].x, WithinAbs(bars[0].x + 310, 0.2));
    CHECK_THAT(bars[2].width, WithinAbs(1, 0.01));
    CHECK(bars[1].y > bars[0].y);
    CHECK(bars[0].fill != bars[1].fill);
    CHECK(bars[0].fill == bars[2].fill);
    CHECK(svg.find(">10.000 ms</text>") != std::string::npos);
}

TEST_CASE("milestones are lines down the page", "[vminitctl]") {
    system_api::BootTimelineResponse timeline;
    add(timeline, "mount", 0, 10000);
    auto& milestone = *timeline.add_milestones();
    milestone.set_phase("serve");
    milestone.set_at_us(10000);
    auto svg = boot_picture(timeline);
    check_well_formed(svg);
    CHECK(svg.find(">serve</text>") != std::string::npos);
    CHECK(svg.find("stroke-dasharray") != std::string::npos);
    CHECK(bars_of(svg).size() == 1);
}

TEST_CASE("what a guest calls its steps cannot break the picture", "[vminitctl]") {
    system_api::BootTimelineResponse timeline;
    add(timeline, "<script>&\"\x01", 0, 1);
    timeline.mutable_steps(0)->set_outcome(system_api::BootStep::DEGRADED);
    timeline.mutable_steps(0)->set_text(std::string(200, 'x'));
    auto svg = boot_picture(timeline);
    check_well_formed(svg);
    CHECK(svg.find("&lt;script&gt;&amp;&quot;?") != std::string::npos);
    CHECK(svg.find("…</text>") != std::string::npos);
}

TEST_CASE("without a boot the picture says so", "[vminitctl]") {
    auto svg = boot_picture({});
    check_well_formed(svg);
    CHECK(svg.find("no boot was recorded") != std::string::npos);
}
