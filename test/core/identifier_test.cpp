// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/identifier.hpp"

#include <catch2/catch.hpp>
#include <string>

TEST_CASE("containerd's identifier grammar is accepted and nothing else", "[core]") {
    for (auto good : {"a", "A9", "exec-1", "a.b_c-d", "0"}) CHECK(vminit::is_identifier(good));
    for (auto bad : {"", ".", "..", "a..b", "-a", "a-", "a/b", "a b", "a\n", "\xc3\xa9", "a._b"}) {
        CAPTURE(bad);
        CHECK_FALSE(vminit::is_identifier(bad));
    }
    CHECK(vminit::is_identifier(std::string(76, 'a')));
    CHECK_FALSE(vminit::is_identifier(std::string(77, 'a')));
    CHECK_FALSE(vminit::is_identifier(std::string_view("a\0b", 3)));
}
