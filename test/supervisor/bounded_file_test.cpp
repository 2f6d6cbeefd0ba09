// SPDX-License-Identifier: Apache-2.0
#include "supervisor/bounded_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using supervisor::append_bounded;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("a bounded file is made with its directories and appended to", "[supervisor]") {
    test::temporary_directory directory;
    auto path = directory.path("var/log/agent.log");
    REQUIRE(append_bounded(path, "one\n", 100));
    REQUIRE(append_bounded(path, "two\n", 100));
    CHECK(read_file(path).value() == "one\ntwo\n");
    CHECK(mode_of(path) == 0640);
    CHECK(mode_of(directory.path("var/log")) == 0755);
}

TEST_CASE("a bounded file may become exactly as long as its limit", "[supervisor]") {
    test::temporary_directory directory;
    auto path = directory.path("log");
    REQUIRE(append_bounded(path, "12345", 8));
    REQUIRE(append_bounded(path, "678", 8));
    CHECK(read_file(path).value() == "12345678");
    CHECK(directory.entries() == std::vector<std::string>{"log"});
}

TEST_CASE("one byte more moves what there is to the one older file", "[supervisor]") {
    test::temporary_directory directory;
    auto path = directory.path("log");
    for (auto text : {"first", "second", "third", "3"}) REQUIRE(append_bounded(path, text, 6));
    CHECK(read_file(path).value() == "third3");
    CHECK(read_file(path + ".1").value() == "second");
    CHECK(directory.entries() == std::vector<std::string>{"log", "log.1"});
}

TEST_CASE("a bounded file that somebody removed is made again", "[supervisor]") {
    test::temporary_directory directory;
    auto path = directory.path("log");
    REQUIRE(append_bounded(path, "old", 100));
    ::unlink(path.c_str());
    REQUIRE(append_bounded(path, "new", 100));
    CHECK(read_file(path).value() == "new");
}

TEST_CASE("a bounded file is never reached through a link, nor a FIFO waited for", "[supervisor]") {
    test::temporary_directory directory;
    auto path = directory.path("log");
    SECTION("link") {
        REQUIRE(::symlink(directory.path("secret").c_str(), path.c_str()) == 0);
        CHECK(append_bounded(path, "text", 100).error().message() ==
              "open " + path + ": Too many levels of symbolic links");
        CHECK(directory.entries() == std::vector<std::string>{"log"});
    }
    SECTION("FIFO") {
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        CHECK(append_bounded(path, "text", 100).error().message() == "open " + path + ": No such device or address");
    }
}
