// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup_text.hpp"

#include <catch2/catch.hpp>

namespace vminit::process {

TEST_CASE("lines end at newlines or with the text", "[cgroup]") {
    std::string_view text = "a b\n\nc";
    CHECK(take_line(text) == "a b");
    CHECK(take_line(text).empty());
    CHECK(take_line(text) == "c");
    CHECK(text.empty());
    CHECK(take_line(text).empty());
}

TEST_CASE("fields are separated by any white space", "[cgroup]") {
    std::string_view line = " \ta\v bb\f\rc\n";
    CHECK(take_field(line) == "a");
    CHECK(take_field(line) == "bb");
    CHECK(take_field(line) == "c");
    CHECK(take_field(line).empty());
    CHECK(take_field(line).empty());
}

TEST_CASE("a pair has exactly one equals sign", "[cgroup]") {
    auto pair = split_pair("rbytes=4096");
    REQUIRE(pair);
    CHECK(pair->key == "rbytes");
    CHECK(pair->value == "4096");
    CHECK(split_pair("="));
    CHECK_FALSE(split_pair(""));
    CHECK_FALSE(split_pair("rbytes"));
    CHECK_FALSE(split_pair("a=b=c"));
}

TEST_CASE("an unsigned number is all digits and fits", "[cgroup]") {
    CHECK(parse_unsigned("0") == 0U);
    CHECK(parse_unsigned("18446744073709551615") == 18446744073709551615U);
    for (auto bad : {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "max", "18446744073709551616"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_unsigned(bad));
    }
}

TEST_CASE("a counter that is negative is zero", "[cgroup]") {
    CHECK(parse_counter("7") == 7U);
    CHECK(parse_counter("-7") == 0U);
    CHECK(parse_counter("-99999999999999999999999") == 0U);
    for (auto bad : {"", "-", "--1", "-x", "-1.5", "99999999999999999999999"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_counter(bad));
    }
}

}  // namespace vminit::process
