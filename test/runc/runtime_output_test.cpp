// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_output.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::runc;

TEST_CASE("both runtimes' lists of pids are read", "[runc]") {
    CHECK(parse_pids("[18096,18140]\n").value() == std::vector<pid_t>{18096, 18140});
    CHECK(parse_pids("[\n  123,\n  456\n]\n").value() == std::vector<pid_t>{123, 456});
    CHECK(parse_pids("[]").value().empty());
    CHECK(parse_pids("null\n").value().empty());
}

TEST_CASE("what is no list of pids is an error", "[runc]") {
    auto text = GENERATE(as<std::string>(), "", "[1,", "{}", "[\"1\"]", "[0]", "[-1]", "[1.5]", "[99999999999]",
                         "warning\n[1]");
    auto pids = parse_pids(text);
    REQUIRE_FALSE(pids);
    CHECK(pids.error() == error(errc::unknown, "ps: the runtime printed no list of pids"));
}

TEST_CASE("a state is read from whatever fields there are", "[runc]") {
    auto state =
        parse_state("{\n \"id\":\"web\",\"pid\":7,\"status\":\"running\",\"bundle\":\"/b\",\"more\":[]}").value();
    CHECK(state.id == "web");
    CHECK(state.pid == 7);
    CHECK(state.status == "running");
    CHECK(state.bundle == "/b");
    CHECK(parse_state("{}").value().pid == 0);
    CHECK(parse_state("null").error().kind() == errc::unknown);
}
