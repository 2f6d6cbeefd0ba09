// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/utf8.hpp"

#include <catch2/catch.hpp>

using namespace vminit;

TEST_CASE("text is made UTF-8 and cut between characters", "[core]") {
    CHECK(as_utf8("plain", 100) == "plain");
    CHECK(as_utf8("a\xffz", 100) == "a\xef\xbf\xbdz");
    CHECK(as_utf8("\xc3\xa4\xc3\xa4", 3) == "\xc3\xa4");
    CHECK(as_utf8("\xe2\x82", 100) == "\xef\xbf\xbd\xef\xbf\xbd");
}
