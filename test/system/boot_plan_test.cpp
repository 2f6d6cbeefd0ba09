// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/boot_plan.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "support/io_fixture.hpp"
#include "vminit/core/task_group.hpp"

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

// Steps that run beside each other are recorded as they end.
step_record recorded(const boot_timeline& timeline, const std::string& name) {
    for (const auto& step : timeline.steps()) {
        if (step.name == name) return step;
    }
    FAIL("no step " + name);
    return {};
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

TEST_CASE("on the loop a step waits for those it needs and for no others", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    // `modules` ends only after a step behind it: one after the other this would never end.
    std::atomic<bool> is_open{false};
    auto wait = [&](step_notes& notes) -> result<void> {
        is_open.wait(false);
        notes.degraded("slow");
        return {};
    };
    auto open = [&](step_notes&) -> result<void> {
        is_open = true;
        is_open.notify_all();
        return {};
    };
    std::vector<std::string> ended;
    boot_plan plan{{"modules", step_policy::warn, wait},
                   {"opener", step_policy::warn, open},
                   {"last", step_policy::warn, [](step_notes&) -> result<void> { return {}; }, {"modules", "opener"}}};
    REQUIRE(io.run(run_boot_graph(io.ctx, plan, timeline, [&](const std::string& step) { ended.push_back(step); })));
    REQUIRE(ended.size() == 3);
    CHECK(ended[2] == "last");
    REQUIRE(timeline.steps().size() == 3);
    CHECK(recorded(timeline, "modules").outcome == step_outcome::degraded);
    CHECK(io.has_line("boot step degraded"));
}

TEST_CASE("a step runs in its lane, or on the loop", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    std::thread::id lane, loop;
    auto note = [](std::thread::id& where) {
        return [&where](step_notes&) -> result<void> {
            where = std::this_thread::get_id();
            return {};
        };
    };
    boot_plan plan{{"lane", step_policy::warn, note(lane)}, {"loop", step_policy::warn, note(loop), {}, std::nullopt}};
    REQUIRE(io.run(run_boot_graph(io.ctx, plan, timeline)));
    CHECK(loop == std::this_thread::get_id());
    CHECK(lane != std::this_thread::get_id());
}

TEST_CASE("on the loop a failed fatal step ends the boot, and what needs it is not run", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    std::vector<std::string> ran, ended;
    auto last = passing("last", ran);
    last.needs = {"mounts"};
    boot_plan plan{failing("mounts", step_policy::fatal), last};
    auto outcome = io.run(run_boot_graph(io.ctx, plan, timeline, [&](const std::string& step) { ended.push_back(step); }));
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message() == "boot step mounts: open /etc/x: not found");
    CHECK(ran.empty());
    CHECK(ended == std::vector<std::string>{"mounts", "last"});
    CHECK(io.lines.size() == 1);  // the failure itself
    REQUIRE(timeline.steps().size() == 2);
    CHECK(timeline.steps()[1].outcome == step_outcome::failed);
    CHECK(timeline.steps()[1].text == "boot step mounts: open /etc/x: not found");
}

TEST_CASE("on the loop a step of policy warn that fails or throws holds up nobody", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    std::vector<std::string> ran;
    auto after = passing("after", ran);
    after.needs = {"modules", "odd"};
    boot_step odd("odd", step_policy::warn, [](step_notes&) -> result<void> { throw std::runtime_error("bug"); });
    REQUIRE(io.run(run_boot_graph(io.ctx, {failing("modules", step_policy::warn), odd, after}, timeline)));
    CHECK(ran == std::vector<std::string>{"after"});
    CHECK(recorded(timeline, "modules").outcome == step_outcome::failed);
    CHECK(recorded(timeline, "odd").text == "bug: internal");
}

TEST_CASE("a boot that is cancelled begins no more steps", "[boot]") {
    test::io_fixture io;
    boot_timeline timeline;
    // The step's thread goes on with it when the test has ended.
    auto is_open = std::make_shared<std::atomic<bool>>(false);
    std::vector<std::string> ran;
    bool has_begun = false;
    auto hang = [&io, &has_begun, is_open](step_notes&) -> result<void> {
        asio::post(io.ctx, [&has_begun] { has_begun = true; });
        is_open->wait(false);
        return {};
    };
    auto after = passing("after", ran);
    after.needs = {"hangs"};
    std::optional<result<void>> outcome;
    {
        task_group tasks(io.ex(), io.log());
        auto boot = [](test::io_fixture& where, boot_plan plan, boot_timeline& times,
                       std::optional<result<void>>& out) -> awaitable<void> {
            out.emplace(co_await run_boot_graph(where.ctx, std::move(plan), times));
        };
        tasks.spawn("boot", boot(io, {{"hangs", step_policy::warn, hang}, after}, timeline, outcome));
        io.pump([&] { return has_begun; });
        tasks.stop();
        io.run(tasks.join());
    }
    *is_open = true;
    is_open->notify_all();
    CHECK(ran.empty());
}
