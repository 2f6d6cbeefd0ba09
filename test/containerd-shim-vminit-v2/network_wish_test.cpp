// SPDX-License-Identifier: Apache-2.0
#include "network_wish.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::shim;

namespace {

std::string spec(const std::string& namespaces, const std::string& annotations = "{}") {
    return R"({"linux":{"namespaces":[)" + namespaces + R"(]},"annotations":)" + annotations + "}";
}

constexpr auto a_path = R"({"type":"pid"},{"type":"network","path":"/run/netns/x"})";
constexpr auto user = R"({"io.vminit.network":"user"})";

}  // namespace

TEST_CASE("the network namespace of a spec is what its container asks for", "[shim]") {
    auto with_path = network_wish_of(spec(a_path), network_mode::name_space);
    REQUIRE(with_path);
    CHECK(with_path->mode == network_mode::name_space);
    CHECK(with_path->path == "/run/netns/x");
    auto new_one = network_wish_of(spec(R"({"type":"network"})"), network_mode::name_space);
    REQUIRE(new_one);
    CHECK(*new_one == network_wish());
}

TEST_CASE("the annotation goes before the configuration", "[shim]") {
    CHECK(network_wish_of(spec(a_path), network_mode::user)->mode == network_mode::user);
    CHECK(network_wish_of(spec(a_path), network_mode::user)->path.empty());
    CHECK(network_wish_of(spec(a_path, user), network_mode::none)->mode == network_mode::user);
    CHECK(network_wish_of(spec(a_path, R"({"io.vminit.network":"none"})"), network_mode::user)->mode ==
          network_mode::none);
    CHECK(network_wish_of(spec(a_path, R"({"io.vminit.network":"auto"})"), network_mode::user)->path == "/run/netns/x");
    for (const auto* wrong : {R"({"io.vminit.network":"bridge"})", R"({"io.vminit.network":7})"}) {
        auto refused = network_wish_of(spec(a_path, wrong), network_mode::user);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind() == errc::invalid_argument);
        CHECK(refused.error().message().find("auto, user or none") != std::string::npos);
    }
}

TEST_CASE("the host's own network is refused, except where the user network stands in", "[shim]") {
    for (const auto& text : {spec(R"({"type":"pid"})"), std::string("{}"), std::string("[]")}) {
        auto refused = network_wish_of(text, network_mode::name_space);
        REQUIRE_FALSE(refused);
        CHECK(refused.error().kind() == errc::not_implemented);
        CHECK(network_wish_of(text, network_mode::user));
        CHECK(network_wish_of(text, network_mode::none));
    }
    CHECK(network_wish_of("{", network_mode::user).error().kind() == errc::invalid_argument);
}
