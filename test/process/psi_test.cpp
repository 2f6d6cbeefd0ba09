// SPDX-License-Identifier: Apache-2.0
#include "process/psi.hpp"

#include <catch2/catch.hpp>

namespace vminit::process {

TEST_CASE("a pressure file has a some and a full half", "[cgroup]") {
    auto stats = parse_psi(
        "some avg10=0.12 avg60=3.40 avg300=100.00 total=18446744073709551615\n"
        "full avg10=0.00 avg60=0.01 avg300=99.99 total=7\n");
    REQUIRE(stats);
    psi_data some{0.12, 3.4, 100.0, 18446744073709551615U};
    psi_data full{0.0, 0.01, 99.99, 7};
    CHECK(stats->some == some);
    CHECK(stats->full == full);
}

TEST_CASE("every average that the kernel prints is read as the nearest double", "[cgroup]") {
    for (int hundredths = 0; hundredths <= 10000; ++hundredths) {
        char text[64];
        int size = std::snprintf(text, sizeof text, "some avg10=%d.%02d total=0\n", hundredths / 100, hundredths % 100);
        auto stats = parse_psi(std::string_view(text, static_cast<std::size_t>(size)));
        REQUIRE(stats);
        REQUIRE(stats->some->avg10 == std::strtod(text + 11, nullptr));
    }
}

TEST_CASE("a half without a line is absent", "[cgroup]") {
    auto stats = parse_psi("some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
    REQUIRE(stats);
    CHECK(stats->some == psi_data{0, 0, 0, 5});
    CHECK_FALSE(stats->full);
    CHECK(parse_psi("") == psi_stats{});
}

TEST_CASE("unknown lines and keys of a pressure file are ignored", "[cgroup]") {
    auto stats = parse_psi("\nmost avg10=x\nsome avg10=1.5 avg7=y total=2\n");
    REQUIRE(stats);
    CHECK(stats->some == psi_data{1.5, 0, 0, 2});
}

TEST_CASE("one malformed number makes a pressure file absent", "[cgroup]") {
    for (auto bad : {"some avg10=", "some avg10=x", "some avg10=1.", "some avg10=.5", "some avg10=1.2.3",
                     "some avg10=-1", "some avg10=1e3", "some avg10=nan", "some avg10=0x1", "some avg10=1.2,",
                     "some total=", "some total=-1", "some total=1.5", "some total=18446744073709551616", "some total",
                     "some avg10=1=2", "some avg10=1234567890123456.0",
                     "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=? avg60=0.00 avg300=0.00 total=1"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_psi(bad));
    }
}

}  // namespace vminit::process
