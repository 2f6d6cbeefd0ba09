// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/guest_clock.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

// The clock of this machine is not to be moved: the calls that would are made to fail.
struct clock_fixture {
    clock_fixture() {
        syscalls::set_fault_hook(
            [](std::string_view name) { return name == "clock_settime" || name == "adjtimex" ? EPERM : 0; });
    }
    ~clock_fixture() { syscalls::set_fault_hook(nullptr); }

    void put(const std::string& name, const std::string& text) {
        auto path = directory.path(name);
        REQUIRE(make_directories(path.substr(0, path.rfind('/')), 0755));
        REQUIRE(replace_file(path, text, 0644));
    }

    static std::string moved(clock_change change) {
        auto outcome = move_clock(change);
        return outcome ? "moved" : outcome.error().message();
    }

    test::temporary_directory directory;
};

clock_change step(clock::duration by) { return clock_change{by, {}}; }
clock_change slew(clock::duration by) { return clock_change{{}, by}; }

}  // namespace

TEST_CASE_METHOD(clock_fixture, "a clock is moved by one thing, within bounds", "[clock]") {
    CHECK(moved({}) == "moved");
    CHECK(moved(step(1s)) == "clock_settime: Operation not permitted");
    CHECK(moved(slew(-10s)) == "adjtimex: Operation not permitted");
    CHECK(moved(slew(0s)) == "adjtimex: Operation not permitted");
    CHECK(moved(clock_change{1s, 1s}) == "a step and a slew: only one can be followed: invalid argument");
    auto refused = "a slew of more than 10 s either way, which takes hours: step the clock: invalid argument";
    CHECK(moved(slew(10s + 1ns)) == refused);
    CHECK(moved(slew(clock::duration::min())) == refused);
    CHECK(moved(step(clock::duration::max())) == "a step to a time outside 1970 to 2200: invalid argument");
    CHECK(moved(step(clock::duration::min())) == "a step to a time outside 1970 to 2200: invalid argument");
}

TEST_CASE_METHOD(clock_fixture, "a clock tells its time and its sources", "[clock]") {
    CHECK(read_clock(directory.path()).error().message() == "adjtimex: Operation not permitted");
    syscalls::set_fault_hook(nullptr);
    auto before = wall_now();
    auto bare = read_clock(directory.path());
    REQUIRE(bare);
    CHECK(bare->now >= before);
    CHECK(bare->source.empty());
    CHECK(bare->sources.empty());
    put("devices/system/clocksource/clocksource0/current_clocksource", "kvm-clock\n");
    put("devices/system/clocksource/clocksource0/available_clocksource", "kvm-clock tsc acpi_pm \n");
    auto state = read_clock(directory.path());
    REQUIRE(state);
    CHECK(state->source == "kvm-clock");
    CHECK(state->sources == std::vector<std::string>{"kvm-clock", "tsc", "acpi_pm"});
}

TEST_CASE_METHOD(clock_fixture, "a clock is compared with the PTP clocks that are there", "[clock]") {
    auto devices = directory.path("dev");
    auto late = [](int) -> result<wall_time> { return wall_now() - 1h; };
    CHECK(read_device_clocks(directory.path(), devices, late).empty());
    put("class/ptp/ptp0/clock_name", "KVM virtual PTP\n");
    put("class/ptp/ptp1/clock_name", "card\n");
    put("dev/ptp0", "");
    auto found = read_device_clocks(directory.path(), devices, late);
    REQUIRE(found.size() == 2);
    CHECK(found[0].name == "ptp0");
    CHECK(found[0].description == "KVM virtual PTP");
    CHECK(found[0].problem.empty());
    CHECK(found[0].ahead > 59min);
    CHECK(found[0].ahead < 61min);
    CHECK(found[1].name == "ptp1");
    CHECK(found[1].problem == "open " + devices + "/ptp1: No such file or directory");
    // What is no clock has no time.
    auto real = read_device_clocks(directory.path(), devices, read_ptp_clock);
    CHECK(real[0].problem == "clock_gettime: Invalid argument");
    for (int number = 2; number < 20; ++number) put("class/ptp/ptp" + std::to_string(number) + "/clock_name", "x");
    CHECK(read_device_clocks(directory.path(), devices, late).size() == most_clock_devices);
}
