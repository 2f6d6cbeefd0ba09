// SPDX-License-Identifier: Apache-2.0
#include "vminit/supervisor/service_spec.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::supervisor;
using namespace std::chrono_literals;

TEST_CASE("the supervisor agent's service is the one the host expects", "[supervisor]") {
    auto spec = spin_supervisor_spec();
    REQUIRE(validate(spec));
    CHECK(spec.name == "spin-supervisor");
    std::vector<std::string> binaries{"/run/spin-stack/spin-supervisor", "/var/lib/spin-stack/bin/spin-supervisor"};
    CHECK(spec.binaries == binaries);
    CHECK(spec.binary_mode == mode_t{0755});
    CHECK(spec.pid_file == "/run/spin-supervisor.pid");
    CHECK(spec.log_file == "/var/log/spin-supervisor.log");
    CHECK(spec.trigger == start_trigger::extras);
    CHECK(spec.extras_wait == 2s);
    CHECK(spec.restart == restart_mode::always);
    CHECK(spec.limits.max_restarts == 10);
    CHECK(spec.limits.window == 5min);
    CHECK(spec.limits.first_delay == 1s);
    CHECK(spec.limits.max_delay == 30s);
    CHECK(spec.stop_limit == 1s);
    CHECK(spec.arguments.empty());
    CHECK(spec.environment.empty());
    CHECK(spin_supervisor_spec(start_trigger::rootfs).trigger == start_trigger::rootfs);
    CHECK(spin_supervisor_spec().rootfs_variable == "SPINBOX_OVERLAY_ROOT");
}

TEST_CASE("the words of supervisor.start", "[supervisor]") {
    CHECK(parse_start_trigger("at_once") == start_trigger::at_once);
    CHECK(parse_start_trigger("extras") == start_trigger::extras);
    CHECK(parse_start_trigger("rootfs") == start_trigger::rootfs);
    CHECK_FALSE(parse_start_trigger(""));
    CHECK_FALSE(parse_start_trigger("Rootfs"));
}

TEST_CASE("a specification that cannot work is refused with the reason", "[supervisor]") {
    auto spec = spin_supervisor_spec();
    std::string why;
    SECTION("name") {
        spec.name = "../etc";
        CHECK(validate(spec).error().message() ==
              "service \"../etc\": the name is not an identifier: invalid argument");
        return;
    }
    SECTION("no binary") {
        spec.binaries.clear();
        why = "no binary";
    }
    SECTION("relative binary") {
        spec.binaries.push_back("bin/agent");
        why = "the path of a binary is not absolute";
    }
    SECTION("relative pid file") {
        spec.pid_file = "pid";
        why = "the path of the pid file is not absolute";
    }
    SECTION("relative log file") {
        spec.log_file = "log";
        why = "the path of the log file is not absolute";
    }
    SECTION("environment without a key") {
        spec.environment = {"A=", "=b"};
        why = "an environment entry is not KEY=value";
    }
    SECTION("environment without a value") {
        spec.environment = {"HOME"};
        why = "an environment entry is not KEY=value";
    }
    SECTION("tiny log") {
        spec.log_limit = min_log_limit - 1;
        why = "the log limit is under 4096 bytes";
    }
    CHECK(validate(spec).error().message() == "service \"spin-supervisor\": " + why + ": invalid argument");
}
