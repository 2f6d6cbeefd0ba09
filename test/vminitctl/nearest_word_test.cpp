// SPDX-License-Identifier: Apache-2.0
#include "nearest_word.hpp"

#include <catch2/catch.hpp>

using namespace vminit::vminitctl;

TEST_CASE("the nearest word is the one that was meant", "[vminitctl]") {
    const std::vector<std::string> words{"run", "resume", "resize", "exec", "events", "delete", "ps"};
    CHECK(nearest_word("rnu", words) == "run");
    CHECK(nearest_word("ru", words) == "run");
    CHECK(nearest_word("deleet", words) == "delete");
    CHECK(nearest_word("event", words) == "events");
    CHECK(nearest_word("resum", words) == "resume");
    CHECK(nearest_word("exce", words) == "exec");
}

TEST_CASE("what is near to nothing gets no word", "[vminitctl]") {
    const std::vector<std::string> words{"run", "delete", "ps"};
    CHECK(nearest_word("launch", words).empty());
    CHECK(nearest_word("x", words).empty());
    CHECK(nearest_word("", words).empty());
    CHECK(nearest_word("run", {}).empty());
}
