// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cstdlib>

#include "fake_machine.hpp"
#include "program.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::program;

namespace {

constexpr std::int64_t second = 1000000000;
// Far more than a call within this process takes, far less than what is measured.
constexpr std::int64_t slack = 100 * second;

void add_ptp(program& terminal, const char* name, const char* description, std::int64_t ahead) {
    auto& device = *terminal.guest.machine->clock.add_devices();
    device.set_name(name);
    device.set_description(description);
    device.set_ahead_ns(ahead);
}

bool is_about(std::int64_t value, std::int64_t wanted) { return std::llabs(value - wanted) < slack; }

const vminit::system::v1::ClockRequest* move_asked(program& terminal) {
    for (const auto& request : terminal.guest.machine->clock_asked) {
        if (request.has_step_ns() || request.has_slew_ns()) return &request;
    }
    return nullptr;
}

std::string usage_error(std::vector<std::string> arguments) {
    command_set commands;
    add_commands(commands);
    invocation invoked;
    arguments.insert(arguments.begin(), "--address=unix:///x");
    auto stop = commands.parse(std::move(arguments), invoked);
    return stop ? stop->text : "accepted";
}

}  // namespace

TEST_CASE("time tells how far the guest's clock is ahead of ours, and its sources", "[vminitctl]") {
    program terminal;
    terminal.guest.machine->ahead_ns = 5000 * second;
    auto& clock = terminal.guest.machine->clock;
    clock.set_source("tsc");
    clock.add_sources("tsc");
    clock.add_sources("hpet");
    add_ptp(terminal, "ptp0", "KVM virtual PTP", 1500000);
    auto& broken = *clock.add_devices();
    broken.set_name("ptp1");
    broken.set_problem("open /dev/ptp1: no");
    CHECK(terminal.run({"time", "--json"}) == 0);
    auto facts = terminal.out_json().as_object();
    CHECK(is_about(facts["ahead_ns"].as_int64(), 5000 * second));
    CHECK(facts["uncertain_ns"].as_int64() > 0);
    CHECK(facts["source"] == "tsc");
    CHECK(facts["sources"].as_array().size() == 2);
    CHECK(facts["ptp_clocks"].as_array()[0].as_object()["ahead_ns"] == 1500000);
    CHECK(facts["ptp_clocks"].as_array()[1].as_object()["ahead_ns"].is_null());
    CHECK(move_asked(terminal) == nullptr);
    program people;
    add_ptp(people, "ptp0", "KVM virtual PTP", 1500000);
    CHECK(people.run({"time", "get"}) == 0);
    CHECK(people.output.out_text().find("ptp0 (KVM virtual PTP): ahead of it +0.001500 s\n") != std::string::npos);
}

TEST_CASE("time step sets the guest's clock to ours", "[vminitctl]") {
    program terminal;
    terminal.guest.machine->ahead_ns = -5000 * second;
    add_ptp(terminal, "ptp7", "card", 77);
    SECTION("by default, without KVM's clock") { CHECK(terminal.run({"time", "step", "--json"}) == 0); }
    SECTION("when asked to") {
        add_ptp(terminal, "ptp0", "KVM virtual PTP", 5);
        CHECK(terminal.run({"time", "step", "--from", "here", "--json"}) == 0);
    }
    REQUIRE(move_asked(terminal) != nullptr);
    CHECK(is_about(move_asked(terminal)->step_ns(), 5000 * second));
    auto facts = terminal.out_json().as_object();
    CHECK(facts["stepped_ns"] == move_asked(terminal)->step_ns());
    CHECK(is_about(facts["ahead_ns"].as_int64(), 0));
}

TEST_CASE("time takes the clock of KVM, or the one that is named", "[vminitctl]") {
    program terminal;
    add_ptp(terminal, "ptp0", "card", 77);
    add_ptp(terminal, "ptp1", "KVM virtual PTP", 1234);
    SECTION("KVM's") {
        CHECK(terminal.run({"time", "slew"}) == 0);
        CHECK(move_asked(terminal)->slew_ns() == -1234);
    }
    SECTION("named") {
        CHECK(terminal.run({"time", "step", "--from", "ptp0"}) == 0);
        CHECK(move_asked(terminal)->step_ns() == -77);
    }
    SECTION("one that is not there") {
        CHECK(terminal.run({"time", "step", "--from", "ptp5"}) == exit_failure);
        CHECK(terminal.output.err_text() == "vminitctl: not found: the guest has no clock ptp5\n");
        CHECK(move_asked(terminal) == nullptr);
    }
    SECTION("by so much") {
        CHECK(terminal.run({"time", "slew", "--by", "-0.25"}) == 0);
        CHECK(move_asked(terminal)->slew_ns() == -250000000);
        CHECK_FALSE(move_asked(terminal)->has_step_ns());
    }
}

TEST_CASE("time refuses what makes no sense, and says what the guest says", "[vminitctl]") {
    CHECK(usage_error({"time", "get", "--by", "1"}).find("--by and --from are for step and slew") != std::string::npos);
    CHECK(usage_error({"time", "step", "--by", "1", "--from", "here"}).find("exclude each other") != std::string::npos);
    CHECK(usage_error({"time", "step", "--by", "1e300"}).find("more than a hundred years") != std::string::npos);
    CHECK(usage_error({"time", "step", "--by", "nan"}).find("--by") != std::string::npos);
    CHECK(usage_error({"time", "jump"}).find("jump") != std::string::npos);
    program terminal;
    terminal.guest.failures["Clock"] = error(errc::permission_denied, "adjtimex");
    CHECK(terminal.run({"time", "slew"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: permission denied: adjtimex\n");
}
