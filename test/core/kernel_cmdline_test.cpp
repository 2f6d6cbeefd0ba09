// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/kernel_cmdline.hpp"

#include <catch2/catch.hpp>

using vminit::kernel_cmdline;

TEST_CASE("the first key=value word wins", "[core]") {
    kernel_cmdline words("console=ttyS0 ip=10.0.0.2::10.0.0.1:255.255.255.0::eth0:none  ip=other quiet\n");
    CHECK(words.value("ip") == "10.0.0.2::10.0.0.1:255.255.255.0::eth0:none");
    CHECK(words.value("console") == "ttyS0");
    CHECK_FALSE(words.value("quiet"));
    CHECK_FALSE(words.value("i"));
}

TEST_CASE("a flag stands alone or equals 1", "[core]") {
    kernel_cmdline words("spin.extras_force=1 quiet debug=0 spin.profile");
    CHECK(words.has_flag("spin.extras_force"));
    CHECK(words.has_flag("quiet"));
    CHECK_FALSE(words.has_flag("debug"));
    CHECK_FALSE(words.has_flag("qui"));
    CHECK(words.has_prefix("spin.prof"));
    CHECK_FALSE(words.has_prefix("nothing"));
}

TEST_CASE("words after a lone -- belong to init", "[core]") {
    kernel_cmdline words("a=1 -- b=2");
    CHECK(words.words().size() == 1);
    CHECK_FALSE(words.value("b"));
}

TEST_CASE("double quotes keep white space in a word", "[core]") {
    kernel_cmdline words(R"(vminit.motd="two words" x)");
    CHECK(words.value("vminit.motd") == "two words");
    CHECK(words.words().size() == 2);
    CHECK(kernel_cmdline("").words().empty());
}

TEST_CASE("all values of a key are found in order", "[core]") {
    kernel_cmdline words("net=a net net=b nets=c net= -- net=d");
    CHECK(words.values("net") == std::vector<std::string_view>{"a", "b", ""});
    CHECK(words.values("none").empty());
}
