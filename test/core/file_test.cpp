// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>

#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

int refuse_rename(std::string_view name) { return name == "rename" ? EIO : 0; }

}  // namespace

TEST_CASE("a file is replaced whole, with the mode asked for", "[core]") {
    test::temporary_directory dir;
    auto path = dir.path("f");
    ::umask(022);
    REQUIRE(replace_file(path, "one", 0666));
    CHECK(read_file(path).value() == "one");
    CHECK(mode_of(path) == 0666);
    REQUIRE(replace_file(path, "", 0600));
    CHECK(read_file(path).value().empty());
    CHECK(mode_of(path) == 0600);
}

TEST_CASE("a failed replacement leaves the old file and no temporary", "[core]") {
    test::temporary_directory dir;
    auto path = dir.path("f");
    REQUIRE(replace_file(path, "old", 0600));
    syscalls::set_fault_hook(refuse_rename);
    auto outcome = replace_file(path, "new", 0600);
    syscalls::set_fault_hook(nullptr);
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message() == "rename " + path + ": Input/output error");
    CHECK(read_file(path).value() == "old");
    CHECK(dir.entries() == std::vector<std::string>{"f"});
}

TEST_CASE("reading is bounded and works on procfs", "[core]") {
    test::temporary_directory dir;
    auto path = dir.path("big");
    REQUIRE(replace_file(path, std::string(10000, 'x'), 0600));
    CHECK(read_file(path, 5000).value().size() == 5000);
    CHECK(read_file(path).value().size() == 10000);
    CHECK(read_file("/proc/self/stat").value().starts_with(std::to_string(::getpid())));
    auto missing = read_file(dir.path("none"));
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind() == errc::not_found);
}

TEST_CASE("directories are made with their exact mode and existing ones accepted", "[core]") {
    test::temporary_directory dir;
    ::umask(022);
    REQUIRE(make_directories(dir.path("a/b/c"), 01777));
    CHECK(mode_of(dir.path("a/b/c")) == 01777);
    REQUIRE(make_directories(dir.path("a/b/c"), 0700));
    CHECK(mode_of(dir.path("a/b/c")) == 01777);
    REQUIRE(replace_file(dir.path("file"), "", 0600));
    CHECK(make_directories(dir.path("file"), 0700).error().kind() == errc::already_exists);
    CHECK_FALSE(make_directories(dir.path("file/x"), 0700));
}

TEST_CASE("trimming removes only the surrounding white space", "[core]") {
    CHECK(trimmed(" \t a b\r\n") == "a b");
    CHECK(trimmed(" \n").empty());
}
