// SPDX-License-Identifier: Apache-2.0
#include "capability_list.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::vminitctl;
namespace json = boost::json;

namespace {

std::string edited(capability_options options, std::string_view set = "effective") {
    auto capabilities = json::parse(R"({"bounding":["CAP_CHOWN","CAP_KILL"],"effective":["CAP_CHOWN","CAP_KILL"],
                                        "permitted":["CAP_CHOWN","CAP_KILL"],"ambient":["CAP_KILL"]})")
                            .as_object();
    edit_capabilities(capabilities, options);
    return json::serialize(capabilities.at(set));
}

}  // namespace

TEST_CASE("capabilities have their kernel's names however they are written", "[vminitctl]") {
    CHECK(parse_capability("net_admin").value() == "CAP_NET_ADMIN");
    CHECK(parse_capability("CAP_NET_ADMIN").value() == "CAP_NET_ADMIN");
    CHECK(parse_capability("all").value() == "ALL");
    CHECK(parse_capability("NET").error().message() == "\"NET\" is no capability: invalid argument");
}

TEST_CASE("capabilities are dropped and added by docker's rules", "[vminitctl]") {
    CHECK(edited({}) == R"(["CAP_CHOWN","CAP_KILL"])");
    CHECK(edited({{"CAP_SETUID"}, {"CAP_KILL"}}) == R"(["CAP_CHOWN","CAP_SETUID"])");
    CHECK(edited({{"CAP_SETUID"}, {"ALL"}}) == R"(["CAP_SETUID"])");
    CHECK(edited({{}, {"ALL"}}, "bounding") == "[]");
    CHECK(edited({{"CAP_KILL"}, {"CAP_KILL"}}) == R"(["CAP_CHOWN","CAP_KILL"])");
    auto all = json::parse(edited({{"ALL"}, {"CAP_KILL"}})).as_array();
    CHECK(all.size() == 40);
    CHECK(std::find(all.begin(), all.end(), json::value("CAP_KILL")) == all.end());
}

TEST_CASE("what is dropped is in no set any more", "[vminitctl]") {
    CHECK(edited({{}, {"CAP_KILL"}}, "permitted") == R"(["CAP_CHOWN"])");
    CHECK(edited({{}, {"CAP_KILL"}}, "ambient") == "[]");
    CHECK(edited({{}, {"CAP_CHOWN"}}, "ambient") == R"(["CAP_KILL"])");
}
