// SPDX-License-Identifier: Apache-2.0
#include "kernel_config.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "support/temporary_directory.hpp"
#include "tool.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::image;

namespace {

const std::vector<kernel_fragment> fragments{
    {"base", "# what for,\n# in two lines\nCONFIG_A=y\nCONFIG_B=y\n\n# optional: nice\nCONFIG_C=y\n"},
    {"other", "CONFIG_D=y\n"}};

}  // namespace

TEST_CASE("a fragment: options with the comment above them, optional or not") {
    auto needs = parse_fragment(fragments[0]);
    REQUIRE(needs.size() == 3);
    CHECK(needs[0].option == "CONFIG_A");
    CHECK(needs[1].reason == "what for, in two lines");
    CHECK_FALSE(needs[1].is_optional);
    CHECK(needs[2].reason == "nice");
    CHECK(needs[2].is_optional);
    CHECK(needs[2].subject == "base");
}

TEST_CASE("built in is met, a module is a module, all else is missing") {
    auto config = parse_kernel_config("# CONFIG_C is not set\nCONFIG_A=y\nCONFIG_B=m\nCONFIG_X=\"text\"\n");
    auto checked = check_kernel(config, fragments, {"base"});
    REQUIRE(checked);
    REQUIRE(checked->size() == 3);
    CHECK((*checked)[0].state == need_state::met);
    CHECK((*checked)[1].state == need_state::as_module);
    CHECK((*checked)[1].found == "m");
    CHECK((*checked)[2].state == need_state::missing);
    CHECK((*checked)[2].found.empty());
    CHECK(check_kernel(config, fragments, {"none"}).error().kind() == errc::not_found);
}

TEST_CASE("a configuration is read compressed or not, and one without options is an error") {
    test::temporary_directory files;
    REQUIRE(replace_file(files.path("config"), "CONFIG_A=y\n", 0644));
    CHECK(read_kernel_config(files.path("config"))->at("CONFIG_A") == "y");
    REQUIRE(output_of({"gzip", files.path("config")}));
    CHECK(read_kernel_config(files.path("config.gz"))->at("CONFIG_A") == "y");
    REQUIRE(replace_file(files.path("text"), "nothing of the kind\n", 0644));
    CHECK(read_kernel_config(files.path("text")).error().kind() == errc::invalid_argument);
    REQUIRE(replace_file(files.path("empty"), "", 0644));
    CHECK(read_kernel_config(files.path("empty")).error().kind() == errc::invalid_argument);
    CHECK(read_kernel_config(files.path("none")).error().kind() == errc::not_found);
}

TEST_CASE("each option of docs/kernel has a reason, and stands in a file once") {
    REQUIRE(kernel_fragments().size() >= 8);
    for (const auto& fragment : kernel_fragments()) {
        std::set<std::string> seen;
        auto needs = parse_fragment(fragment);
        CHECK_FALSE(needs.empty());
        for (const auto& need : needs) {
            CAPTURE(fragment.name, need.option);
            CHECK_FALSE(need.reason.empty());
            CHECK(seen.insert(need.option).second);
        }
    }
}
