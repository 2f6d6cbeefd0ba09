// SPDX-License-Identifier: Apache-2.0
#include "table.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace vminit::vminitctl;

TEST_CASE("columns are aligned, numbers to the right, without trailing blanks", "[vminitctl]") {
    std::vector<record> rows{{{"id", "web"}, {"pid", 7}, {"exec_id", ""}},
                             {{"id", "longer-one"}, {"pid", 1234}, {"exec_id", "sh"}}};
    CHECK(table_of(rows) ==
          "ID           PID  EXEC ID\n"
          "web            7  -\n"
          "longer-one  1234  sh\n");
}

TEST_CASE("a table of nothing has its titles", "[vminitctl]") {
    std::vector<std::string_view> titles{"id", "exec_id"};
    CHECK(table_of({}, titles) == "ID  EXEC ID\n");
}

TEST_CASE("one record is a listing", "[vminitctl]") {
    record facts{{"version", "1.0"}, {"kernel_version", nullptr}, {"memory", 1536, "1.5 KiB"}};
    CHECK(listing_of(facts) ==
          "version:         1.0\n"
          "kernel version:  -\n"
          "memory:          1.5 KiB\n");
}

TEST_CASE("text from a guest cannot drive the terminal", "[vminitctl]") {
    CHECK(shown(field("x", "a\x1b[2Jb\nc\x7f")) == "a?[2Jb?c?");
    CHECK(shown(field("x", "µ")) == "µ");
    CHECK(display_width("aµ€") == 3);
}

TEST_CASE("a missing number does not turn its column to the left", "[vminitctl]") {
    std::vector<record> rows{{{"pid", 12}}, {{"pid", nullptr}}};
    CHECK(table_of(rows) == "PID\n 12\n  -\n");
}
