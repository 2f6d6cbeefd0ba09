// SPDX-License-Identifier: Apache-2.0
#include "runc/in_quotes.hpp"

#include <catch2/catch.hpp>

using vminit::runc::in_quotes;

TEST_CASE("text in quotes is escaped as Go does it", "[runc]") {
    CHECK(in_quotes("") == "\"\"");
    CHECK(in_quotes("a b") == "\"a b\"");
    CHECK(in_quotes("\"\\") == "\"\\\"\\\\\"");
    CHECK(in_quotes("\a\b\f\n\r\t\v") == "\"\\a\\b\\f\\n\\r\\t\\v\"");
    CHECK(in_quotes(std::string_view("\0\x1f\x7f", 3)) == "\"\\x00\\x1f\\x7f\"");
    CHECK(in_quotes("\xc3\xa4") == "\"\xc3\xa4\"");
}
