// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/directory.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;

using words = std::vector<std::string>;

TEST_CASE("the names in a directory are sorted, hidden ones among them", "[core]") {
    test::temporary_directory directory;
    CHECK(names_in(directory.path()).value().empty());
    for (auto name : {"b", ".a", "c"}) REQUIRE(replace_file(directory.path(name), "", 0600));
    REQUIRE(make_directories(directory.path("d/e"), 0755));
    REQUIRE(::symlink("d", directory.path("link").c_str()) == 0);
    CHECK(names_in(directory.path()).value() == words{".a", "b", "c", "d", "link"});
    CHECK(names_in(directory.path(), 2).value().size() == 2);
    CHECK(directories_in(directory.path()).value() == words{"d"});
    CHECK(directories_in(directory.path(), 0).value().empty());
}

TEST_CASE("what is no directory has no names", "[core]") {
    test::temporary_directory directory;
    REQUIRE(replace_file(directory.path("file"), "", 0600));
    CHECK(names_in(directory.path("file")).error().code().value() == ENOTDIR);
    auto path = directory.path("nothing");
    CHECK(names_in(path).error().message() == "list " + path + ": No such file or directory");
}
