// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/text.hpp"

#include <catch2/catch.hpp>
#include <cstdint>

using namespace vminit;

using pieces = std::vector<std::string_view>;

TEST_CASE("fields are taken off a text one after the other", "[core]") {
    std::string_view rest = "a::b";
    CHECK(take_until(rest, ':') == "a");
    CHECK(take_until(rest, ':').empty());
    CHECK(rest == "b");
    CHECK(take_until(rest, ':') == "b");
    CHECK(rest.empty());
    CHECK(take_until(rest, ':').empty());
    rest = "a:";
    CHECK(take_until(rest, ':') == "a");
    CHECK(rest.empty());
}

TEST_CASE("a split text has a piece more than separators", "[core]") {
    CHECK(split("a,b", ',') == pieces{"a", "b"});
    CHECK(split(",a,,", ',') == pieces{"", "a", "", ""});
    CHECK(split("", ',') == pieces{""});
}

TEST_CASE("words are what stands between blanks", "[core]") {
    CHECK(words_of("  one\ttwo \n\v\f\r three") == pieces{"one", "two", "three"});
    CHECK(words_of(" \n").empty());
    CHECK(words_of("").empty());
}

TEST_CASE("lower case is that of ASCII", "[core]") { CHECK(lower_case("aZ-9\xc3\x84") == "az-9\xc3\x84"); }

TEST_CASE("a number is all of its text and fits", "[core]") {
    CHECK(parse_number<std::uint32_t>("4294967295") == 4294967295U);
    for (auto text : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "4294967296"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_number<std::uint32_t>(text));
    }
    CHECK(parse_number<int>("-12") == -12);
    CHECK(parse_number<unsigned>("0755", 8) == 0755U);
    CHECK_FALSE(parse_number<unsigned>("8", 8));
}
