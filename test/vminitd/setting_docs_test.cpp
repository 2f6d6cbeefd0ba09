// SPDX-License-Identifier: Apache-2.0
#include "setting_docs.hpp"

#include <catch2/catch.hpp>

#include "settings.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitd;

TEST_CASE("the documentation's pages have the table of settings as it is", "[vminitd]") {
    // `cmake --build --preset dev --target docs` brings them up to date.
    auto name = GENERATE("configuration.md", "vminitd.8");
    CAPTURE(name);
    auto page = read_file(std::string(VMINIT_DOCS) + "/" + name);
    REQUIRE(page);
    auto current = with_settings(*page);
    REQUIRE(current);
    CHECK(*current == *page);
    for (const auto& row : setting_table()) {
        CAPTURE(row.flag);
        auto flag = std::string(name).ends_with(".md") ? "`-" + std::string(row.flag) : ".B \\-";
        CHECK(page->find(flag) != std::string::npos);
    }
}

TEST_CASE("only what stands between the markers is replaced", "[vminitd]") {
    auto page = with_settings("before\n<!-- generated from the table of settings: begin -->\nold\n"
                              "<!-- generated from the table of settings: end -->\nafter\n");
    REQUIRE(page);
    CHECK(page->starts_with("before\n<!-- generated from the table of settings: begin -->\n| flag |"));
    CHECK(page->ends_with("|\n<!-- generated from the table of settings: end -->\nafter\n"));
    CHECK(page->find("old") == std::string::npos);
    CHECK(with_settings(*page).value() == *page);
    CHECK_FALSE(with_settings("no markers"));
    CHECK_FALSE(with_settings("generated from the table of settings generated from the table of settings"));
}
