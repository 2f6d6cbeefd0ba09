// SPDX-License-Identifier: Apache-2.0
#include "vminit/forward/place.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::forward;

TEST_CASE("a place is named as people write it", "[forward]") {
    CHECK(place{"127.0.0.1", 80, ""}.to_string() == "127.0.0.1:80");
    CHECK(place{"::1", 80, ""}.to_string() == "[::1]:80");
    CHECK(place{"", 0, "/run/x.sock"}.to_string() == "/run/x.sock");
}

TEST_CASE("a place is an address for the kernel, or says why not", "[forward]") {
    CHECK(place{"10.1.2.3", 80, ""}.name().value().family() == AF_INET);
    CHECK(place{"fe80::1", 80, ""}.name().value().family() == AF_INET6);
    CHECK(place{"", 0, "/run/x.sock"}.name().value().family() == AF_UNIX);
    for (auto text : {"", "localhost", "1.2.3", "1.2.3.4.5", "::g"}) {
        auto refused = place{text, 80, ""}.name();
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message() == "\"" + std::string(text) + "\" is no IP address: invalid argument");
    }
    CHECK_FALSE(place{"", 0, "/" + std::string(200, 'x')}.name());
}
