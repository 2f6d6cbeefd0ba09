// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/pid_file.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;

TEST_CASE("a pid file holds a positive number and nothing else", "[runc]") {
    test::temporary_directory directory;
    auto path = directory.path("init.pid");
    REQUIRE(replace_file(path, "4194304", 0600));
    CHECK(read_pid_file(path).value() == 4194304);
    auto [content, reason] = GENERATE(table<std::string, std::string>({{"", "empty"},
                                                                       {"123\n", "invalid pid \"123\\n\""},
                                                                       {" 123", "invalid pid \" 123\""},
                                                                       {"+123", "invalid pid \"+123\""},
                                                                       {"abc", "invalid pid \"abc\""},
                                                                       {"0", "invalid pid \"0\""},
                                                                       {"-1", "invalid pid \"-1\""},
                                                                       {"12x", "invalid pid \"12x\""},
                                                                       {"99999999999", "invalid pid \"99999999999\""},
                                                                       {"\x01\"", "invalid pid \"\\x01\\\"\""}}));
    REQUIRE(replace_file(path, content, 0600));
    auto pid = read_pid_file(path);
    REQUIRE_FALSE(pid);
    CHECK(pid.error() == error(errc::unknown, "pid file " + path + ": " + reason));
}

TEST_CASE("a missing pid file says so", "[runc]") {
    auto pid = read_pid_file("/nonexistent/init.pid");
    REQUIRE_FALSE(pid);
    CHECK(pid.error().message() == "open /nonexistent/init.pid: no such file or directory");
}

TEST_CASE("stale pid files and their temporaries are removed", "[runc]") {
    test::temporary_directory directory;
    CHECK(remove_stale_pid_file(directory.path("init.pid")));
    for (const char* name : {"init.pid", ".init.pid", "e1.pid"}) REQUIRE(replace_file(directory.path(name), "1", 0600));
    CHECK(remove_stale_pid_file(directory.path("init.pid")));
    CHECK(directory.entries() == std::vector<std::string>{"e1.pid"});
    REQUIRE(make_directories(directory.path("e1.pid.d"), 0755));
    CHECK_FALSE(remove_stale_pid_file(directory.path("e1.pid.d")));
}
