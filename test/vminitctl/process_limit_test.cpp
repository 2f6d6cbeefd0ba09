// SPDX-License-Identifier: Apache-2.0
#include "process_limit.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::vminitctl;
namespace json = boost::json;

namespace {

std::string limits_of(json::object process, std::vector<std::string> texts) {
    std::vector<process_limit> limits;
    for (const auto& text : texts) limits.push_back(parse_process_limit(text).value());
    edit_process_limits(process, limits);
    return process.contains("rlimits") ? json::serialize(process.at("rlimits")) : "none";
}

std::string refusal(std::string_view text) {
    auto parsed = parse_process_limit(text);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().kind() == errc::invalid_argument);
    return parsed.error().context();
}

}  // namespace

TEST_CASE("a limit of a process is a soft and a hard one, or one for both", "[vminitctl]") {
    CHECK(limits_of({}, {"nofile=1024:4096"}) == R"([{"type":"RLIMIT_NOFILE","hard":4096,"soft":1024}])");
    CHECK(limits_of({}, {"nproc=7"}) == R"([{"type":"RLIMIT_NPROC","hard":7,"soft":7}])");
    CHECK(limits_of({}, {}) == "none");
}

TEST_CASE("no limit is -1 or unlimited", "[vminitctl]") {
    auto text =
        GENERATE(as<std::string>{}, "core=-1", "core=unlimited", "core=-1:unlimited", "core=18446744073709551615");
    CAPTURE(text);
    CHECK(limits_of({}, {text}) ==
          R"([{"type":"RLIMIT_CORE","hard":18446744073709551615,"soft":18446744073709551615}])");
    CHECK(limits_of({}, {"core=0:-1"}) == R"([{"type":"RLIMIT_CORE","hard":18446744073709551615,"soft":0}])");
}

TEST_CASE("all of docker's names are known", "[vminitctl]") {
    for (const char* name : {"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile",
                             "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"}) {
        CAPTURE(name);
        auto parsed = parse_process_limit(std::string(name) + "=1");
        REQUIRE(parsed.has_value());
        std::string type = "RLIMIT_";
        for (auto letter : std::string_view(name)) type += static_cast<char>(letter - 'a' + 'A');
        CHECK(parsed->type == type);
    }
}

TEST_CASE("a limit takes the place of the document's own of its type, the last of several counts", "[vminitctl]") {
    auto process = json::parse(R"({"rlimits":[{"type":"RLIMIT_CORE","hard":1,"soft":1},"odd",
                                              {"type":"RLIMIT_NOFILE","hard":2,"soft":2}]})");
    CHECK(limits_of(process.as_object(), {"nofile=3", "stack=5", "nofile=4"}) ==
          R"([{"type":"RLIMIT_CORE","hard":1,"soft":1},"odd",{"type":"RLIMIT_NOFILE","hard":4,"soft":4},)"
          R"({"type":"RLIMIT_STACK","hard":5,"soft":5}])");
}

TEST_CASE("what is no limit of a process is refused with the reason", "[vminitctl]") {
    CHECK(refusal("nofil=5") == "\"nofil\" is no limit of a process; did you mean nofile?");
    CHECK(refusal("everything=5").find("there are as, core, cpu, data, ") != std::string::npos);
    CHECK(refusal("nofile=5:4") == "the soft limit of \"nofile=5:4\" is above the hard one");
    CHECK(refusal("nofile=-1:4").find("is above the hard one") != std::string::npos);
    for (const char* text : {"", "nofile", "=5"})
        CHECK(refusal(text).find("is not NAME=SOFT[:HARD]") != std::string::npos);
    for (const char* text : {"nofile=", "nofile=5:", "nofile=:5", "nofile=1:2:3", "nofile=1k", "nofile=-2",
                             "nofile=1.5", "nofile=18446744073709551616"}) {
        CAPTURE(text);
        CHECK(refusal(text).find("of nofile is not SOFT[:HARD], numbers or unlimited (-1)") != std::string::npos);
    }
}
