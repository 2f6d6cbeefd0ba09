// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/address.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::ttrpc;

TEST_CASE("an address is read in every form and printed as it was read", "[ttrpc]") {
    auto text = GENERATE("vsock://any:1024", "vsock://3:1025", "vsock://0:4294967294", "unix:///run/vminit.sock",
                         "unix://@vminit", "hvsock:///tmp/a:b.sock:1024");
    auto parsed = address::parse(text);
    REQUIRE(parsed);
    CHECK(parsed->to_string() == text);
}

TEST_CASE("an address knows its parts", "[ttrpc]") {
    CHECK(*address::parse("vsock://any:1024") == address::vsock(address::any_cid, 1024));
    CHECK(*address::parse("vsock://host:1027") == address::vsock(2, 1027));
    CHECK(*address::parse("unix:///a") == address::unix_socket("/a"));
    CHECK(*address::parse("hvsock:///a:b:7") == address::hvsock("/a:b", 7));
}

TEST_CASE("what is no address is refused by name", "[ttrpc]") {
    auto text = GENERATE("", "1024", "vsock://", "vsock://any", "vsock://any:", "vsock://any:x", "vsock://any:-1",
                         "vsock://any:1 ", "vsock://guest:1", "vsock://any:4294967296", "unix://", "unix:///", "unix://run",
                         "hvsock://rel:1", "hvsock:///a", "tcp://localhost:1");
    auto parsed = address::parse(text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().message() == "address \"" + std::string(text) + "\": invalid argument");
}

TEST_CASE("a path longer than sun_path is refused", "[ttrpc]") {
    CHECK(address::parse("unix:///" + std::string(106, 'a')));
    CHECK_FALSE(address::parse("unix:///" + std::string(107, 'a')));
}
