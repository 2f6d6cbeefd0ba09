// SPDX-License-Identifier: Apache-2.0
#include "vmm/console_log.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vmm;

TEST_CASE("the console's file keeps the end of what a guest prints, and the piece before it", "[vmm]") {
    test::temporary_directory directory;
    auto path = directory.path("console.log");
    auto log = console_log::open(path, 10);
    REQUIRE(log);
    log->write("one\n");
    log->write("two\n");
    CHECK(*read_file(path) == "one\ntwo\n");
    log->write("three\n");
    CHECK(*read_file(path) == "three\n");
    CHECK(*read_file(path + ".old") == "one\ntwo\n");
    log->write("four\n");
    log->write("five\n");
    CHECK(*read_file(path) == "four\nfive\n");
    CHECK(*read_file(path + ".old") == "three\n");
    CHECK(console_log::open(directory.path("no/such/console.log"), 10).error().kind() == errc::not_found);
}
