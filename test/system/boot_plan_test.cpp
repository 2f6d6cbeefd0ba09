#include "vminit/system/boot_plan.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <thread>

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
    return {std::move(name), policy, [](step_notes&) -> result<void> { return error(errc::not_found, "open /etc/x"); }};
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

TEST_CASE("a step aside runs beside those that follow, and is joined in the end", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    // The step aside waits for one that follows it: in one lane this would never end.
    std::atomic<bool> is_open{false};
    boot_step aside(
        "modules", step_policy::warn,
        [&](step_notes& notes) -> result<void> {
            is_open.wait(false);
            notes.degraded("slow");
            return {};
        },
        boot_lane::aside);
    boot_step opener("opener", step_policy::warn, [&](step_notes&) -> result<void> {
        is_open = true;
        is_open.notify_all();
        return {};
    });
    REQUIRE(run_boot({aside, opener}, timeline, io.log()));
    REQUIRE(timeline.steps().size() == 2);
    CHECK(timeline.steps()[0].name == "opener");
    CHECK(timeline.steps()[1].name == "modules");
    CHECK(timeline.steps()[1].outcome == step_outcome::degraded);
    CHECK(io.has_line("boot step degraded"));
}

TEST_CASE("a joined step sees everything aside done", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    int done = 0;
    auto count = [&](step_notes&) -> result<void> {
        ++done;
        return {};
    };
    auto check = [&](step_notes&) -> result<void> {
        if (done == 2) return {};
        return error(errc::internal, "not joined");
    };
    boot_plan plan{{"one", step_policy::warn, count, boot_lane::aside},
                   {"two", step_policy::warn, count, boot_lane::aside},
                   {"after", step_policy::fatal, check, boot_lane::joined}};
    REQUIRE(run_boot(plan, timeline, io.log()));
    CHECK(timeline.steps().size() == 3);
}

TEST_CASE("a fatal step aside ends the boot when it is joined", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    std::vector<std::string> ran;
    auto aside = failing("modules", step_policy::fatal);
    aside.lane = boot_lane::aside;
    auto last = passing("last", ran);
    last.lane = boot_lane::joined;
    auto outcome = run_boot({aside, passing("one", ran), last}, timeline, io.log());
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message() == "boot step modules: open /etc/x: not found");
    CHECK(ran == std::vector<std::string>{"one"});
}

TEST_CASE("late steps run in the pool, are recorded, and none is fatal", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    auto loop_thread = std::this_thread::get_id();
    std::thread::id step_thread;
    boot_step where("where", step_policy::fatal, [&](step_notes&) -> result<void> {
        step_thread = std::this_thread::get_id();
        return {};
    });
    io.run(run_late_boot(io.ctx, {failing("modules", step_policy::fatal), where}, timeline));
    CHECK(step_thread != loop_thread);
    REQUIRE(timeline.steps().size() == 2);
    CHECK(timeline.steps()[0].outcome == step_outcome::failed);
    CHECK(timeline.steps()[1].outcome == step_outcome::ok);
    CHECK(io.has_line("warn"));
    CHECK_FALSE(io.has_line("error boot step failed"));
}
