// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/utf8.hpp"

#include <catch2/catch.hpp>

using namespace vminit;

TEST_CASE("what is UTF-8 is told from what is not, wherever it begins", "[core]") {
    for (const char* text : {"", "plain", "\xc3\xa4", "plain \xe2\x82\xac and on", "\xf4\x8f\xbf\xbf"}) {
        CAPTURE(text);
        CHECK(is_utf8(text));
    }
    for (const char* text :
         {"\xff", "plain \xc3", "plain \xc3\xa4\xa4", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80"}) {
        CAPTURE(text);
        CHECK_FALSE(is_utf8(text));
    }
}

TEST_CASE("text is made UTF-8 and cut between characters", "[core]") {
    CHECK(as_utf8("plain", 100) == "plain");
    CHECK(as_utf8("a\xffz", 100) == "a\xef\xbf\xbdz");
    CHECK(as_utf8("\xc3\xa4\xc3\xa4", 3) == "\xc3\xa4");
    CHECK(as_utf8("\xe2\x82", 100) == "\xef\xbf\xbd\xef\xbf\xbd");
}
