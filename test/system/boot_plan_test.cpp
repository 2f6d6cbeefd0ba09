#include "vminit/system/boot_plan.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

#include "support/io_fixture.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

boot_step passing(std::string name, std::vector<std::string>& ran) {
    return {name, step_policy::fatal, [name, &ran](step_notes&) -> result<void> {
                ran.push_back(name);
                return {};
            }};
}

boot_step failing(std::string name, step_policy policy) {
    return {std::move(name), policy,
            [](step_notes&) -> result<void> { return error(errc::not_found, "open /etc/x"); }};
}

}  // namespace

TEST_CASE("steps run in order and are recorded", "[boot]") {
    test::io_fixture io;
    uptime now = 0us;
    boot_timeline timeline([&] { return now += 10us; });
    std::vector<std::string> ran;
    REQUIRE(run_boot({passing("one", ran), passing("two", ran)}, timeline, io.log()));
    CHECK(ran == std::vector<std::string>{"one", "two"});
    REQUIRE(timeline.steps().size() == 2);
    CHECK(timeline.steps()[0].name == "one");
    CHECK(timeline.steps()[0].started == 10us);
    CHECK(timeline.steps()[0].ended == 20us);
    CHECK(timeline.steps()[1].started == 30us);
    CHECK(timeline.steps()[1].outcome == step_outcome::ok);
    CHECK(io.lines.empty());
}

TEST_CASE("a failed step of policy warn is told and the boot goes on", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    std::vector<std::string> ran;
    REQUIRE(run_boot({failing("extras", step_policy::warn), passing("two", ran)}, timeline, io.log()));
    CHECK(ran == std::vector<std::string>{"two"});
    CHECK(timeline.steps()[0].outcome == step_outcome::failed);
    CHECK(timeline.steps()[0].text == "open /etc/x: not found");
    CHECK(io.has_line("boot step failed"));
}

TEST_CASE("a failed fatal step ends the boot with an error that names it", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    std::vector<std::string> ran;
    auto outcome = run_boot({failing("mounts", step_policy::fatal), passing("two", ran)}, timeline, io.log());
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message() == "boot step mounts: open /etc/x: not found");
    CHECK(ran.empty());
    CHECK(timeline.steps().size() == 1);
}

TEST_CASE("notes make a step degraded, all of them in its text", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    boot_step step("dev-nodes", step_policy::fatal, [](step_notes& notes) -> result<void> {
        notes.degraded("one");
        notes.expect(result<void>(error(errc::not_found, "two")));
        notes.expect(result<void>());
        return {};
    });
    REQUIRE(run_boot({step}, timeline, io.log()));
    CHECK(timeline.steps()[0].outcome == step_outcome::degraded);
    CHECK(timeline.steps()[0].text == "one; two: not found");
    CHECK(io.has_line("boot step degraded"));
}

TEST_CASE("an exception in a step is a failure of that step", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    boot_step step("odd", step_policy::warn, [](step_notes&) -> result<void> { throw std::runtime_error("bug"); });
    REQUIRE(run_boot({step}, timeline, io.log()));
    CHECK(timeline.steps()[0].outcome == step_outcome::failed);
    CHECK(timeline.steps()[0].text == "bug: internal");
}
