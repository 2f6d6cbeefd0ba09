// SPDX-License-Identifier: Apache-2.0
#include "environment_file.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

using words = std::vector<std::string>;

result<words> read(std::string_view text) {
    test::temporary_directory dir;
    REQUIRE(replace_file(dir.path("env"), text, 0600));
    return read_environment_file(dir.path("env"));
}

}  // namespace

TEST_CASE("an environment file has a variable a line", "[vminitctl]") {
    CHECK(read("").value() == words{});
    CHECK(read("# no\n\nA=1\r\nB= \"x y\" \nC\nA=2").value() == words{"B= \"x y\" ", "C", "A=2"});
}

TEST_CASE("a line of an environment file that is no variable is named", "[vminitctl]") {
    CHECK_THAT(read("A=1\n=2\n").error().message(),
               Catch::Matchers::EndsWith("env:2: \"=2\" is not NAME=VALUE or NAME: invalid argument"));
    CHECK(read_environment_file("/nonexistent/env").error().code() == boost::system::errc::no_such_file_or_directory);
}

TEST_CASE("defaults come first and give way", "[vminitctl]") {
    words given{"B=2", "C"};
    add_default_environment({"A=1", "B=1", "C=1"}, given);
    CHECK(given == words{"A=1", "B=2", "C"});
}
