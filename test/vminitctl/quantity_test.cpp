// SPDX-License-Identifier: Apache-2.0
#include "quantity.hpp"

#include <catch2/catch.hpp>
#include <limits>

#include "signal_name.hpp"
#include "time_text.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

TEST_CASE("sizes are written with binary multiples", "[vminitctl]") {
    CHECK(parse_bytes("4096").value() == 4096);
    CHECK(parse_bytes("64K").value() == 65536);
    CHECK(parse_bytes("64KiB").value() == 65536);
    CHECK(parse_bytes("64Ki").value() == 65536);
    CHECK(parse_bytes("1.5G").value() == 1610612736);
    CHECK(parse_bytes("0").value() == 0);
    auto bad = GENERATE("", "-1", "x", "10Q", "0x10", "1e3", "1 M", "inf", "9223372036854775808");
    CHECK(parse_bytes(bad).error().kind() == errc::invalid_argument);
}

TEST_CASE("sizes are shown with one decimal, the kernel's no limit as max", "[vminitctl]") {
    CHECK(format_bytes(0) == "0 B");
    CHECK(format_bytes(1023) == "1023 B");
    CHECK(format_bytes(1536) == "1.5 KiB");
    CHECK(format_bytes(std::uint64_t{2} << 30) == "2.0 GiB");
    CHECK(format_bytes(std::numeric_limits<std::uint64_t>::max()) == "max");
    CHECK(format_cpu_time(1234567) == "1.234s");
    CHECK(format_cpu_time(999) == "0.000s");
}

TEST_CASE("CPUs are given in decimals", "[vminitctl]") {
    CHECK(parse_cpus("0.5").value() == 500);
    CHECK(parse_cpus("2").value() == 2000);
    auto bad = GENERATE("0", "-1", "1.5x", "", "5000");
    CHECK(parse_cpus(bad).error().message() ==
          "\"" + std::string(bad) + "\" is not a number of CPUs from 0.01 to 4096: invalid argument");
}

TEST_CASE("signals have numbers and names", "[vminitctl]") {
    CHECK(parse_signal("9").value() == 9);
    CHECK(parse_signal("0").value() == 0);
    CHECK(parse_signal("KILL").value() == 9);
    CHECK(parse_signal("sigterm").value() == 15);
    CHECK(parse_signal("SIGRTMIN").value() == 34);
    CHECK(parse_signal("RTMIN+3").value() == 37);
    CHECK(parse_signal("RTMAX").value() == 64);
    auto bad = GENERATE("65", "-1", "", "SIG", "NOPE", "RTMIN+31", "9x");
    CHECK(parse_signal(bad).error().message() == "\"" + std::string(bad) + "\" is not a signal: invalid argument");
}

TEST_CASE("times are RFC 3339 in UTC, the year 1 is never", "[vminitctl]") {
    CHECK(format_time(1772352930, 123456789) == "2026-03-01T08:15:30.123456789Z");
    CHECK(format_time(951782400, 0) == "2000-02-29T00:00:00.000000000Z");
    CHECK(format_time(-62135596800, 0) == "");
    CHECK(format_time(0, 0) == "");
    CHECK(format_time(9223372036, 0) == "");
    CHECK(format_time(1, 1000000000) == "");
}
