// SPDX-License-Identifier: Apache-2.0
#include "process/single_value.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace vminit::process {

TEST_CASE("a single value is a number or max", "[cgroup]") {
    CHECK(parse_single_value("3\n") == 3U);
    CHECK(parse_single_value("  4096 \n") == 4096U);
    CHECK(parse_single_value("max\n") == 18446744073709551615U);
    CHECK(parse_single_value("18446744073709551615\n") == 18446744073709551615U);
    CHECK(parse_single_value("-1\n") == 0U);
}

TEST_CASE("what is no number is no single value", "[cgroup]") {
    for (auto bad : {"", "\n", "maximum\n", "MAX", "1 2\n", "1\n2\n", "18446744073709551616", "0x10"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_single_value(bad));
    }
}

TEST_CASE("only the first 32 bytes of a single value count", "[cgroup]") {
    CHECK(parse_single_value(std::string(31, ' ') + "12") == 1U);
    CHECK_FALSE(parse_single_value(std::string(32, ' ') + "12"));
}

}  // namespace vminit::process
