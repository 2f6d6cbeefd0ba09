// SPDX-License-Identifier: Apache-2.0
#include "detach_keys.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::vminitctl;

namespace {

// What goes to the process of these pieces, and whether the keys were found.
std::pair<std::string, bool> typed(std::string_view keys, std::initializer_list<std::string_view> pieces) {
    auto watch = detach_keys::parse(keys).value();
    std::string passed;
    for (auto piece : pieces) passed += watch.pass(piece);
    bool is_complete = watch.is_complete();
    return {passed + watch.rest(), is_complete};
}

using outcome = std::pair<std::string, bool>;

}  // namespace

TEST_CASE("the keys leave, whatever pieces they come in", "[vminitctl]") {
    CHECK(typed("ctrl-p,ctrl-q", {"ls\n\x10\x11more"}) == outcome("ls\n", true));
    CHECK(typed("ctrl-p,ctrl-q", {"ls\n\x10", "\x11", "more"}) == outcome("ls\n", true));
    CHECK(typed("ctrl-P,q", {"\x10q"}) == outcome("", true));
    CHECK(typed("x", {"ax"}) == outcome("a", true));
    CHECK(typed("ctrl-@,ctrl-_,ctrl-[", {std::string_view("\0\x1f\x1b", 3)}) == outcome("", true));
}

TEST_CASE("every byte of what is not the keys goes on", "[vminitctl]") {
    CHECK(typed("ctrl-p,ctrl-q", {"\x10", "\x10", "x\x11\x10"}) == outcome("\x10\x10x\x11\x10", false));
    CHECK(typed("a,a,b", {"aa", "ab", "."}) == outcome("a", true));
    CHECK(typed("a,b,a,c", {"ababa", "x"}) == outcome("ababax", false));
    CHECK(typed("", {"\x10\x11"}) == outcome("\x10\x11", false));
}

TEST_CASE("what is held back is passed on as soon as it is known to be none of the keys", "[vminitctl]") {
    auto keys = detach_keys::parse(detach_keys::usual).value();
    CHECK(keys.pass("a\x10") == "a");
    CHECK(keys.pass("b") ==
          "\x10"
          "b");
    CHECK(keys.rest() == "");
}

TEST_CASE("what is no key is refused", "[vminitctl]") {
    auto text = GENERATE(as<std::string>{}, ",", "ctrl-", "ctrl-1", "ctrl-pq", "alt-p", "ctrl-p,", "pq", "ctrl-{");
    CAPTURE(text);
    CHECK(detach_keys::parse(text).error().kind() == errc::invalid_argument);
}
