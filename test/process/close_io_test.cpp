// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "process/process_fixture.hpp"

using namespace vminit;
using namespace vminit::process;
using namespace vminit::test;

namespace {

process_options named_streams() {
    process_options options;
    options.config.dialect = host_dialect::nerdbox();
    return options;
}

}  // namespace

TEST_CASE("CloseIO before an exec's start lets it have what was sent, then the end", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto in = fixture.open_stream(1);
    auto out = fixture.read(fixture.open_stream(2));
    REQUIRE(fixture.add_exec("web", "e", {"count"}, {"stream://1", "stream://2", "", false}));
    in->write("12345");
    REQUIRE(fixture.run(fixture.processes.close_io("web", "e")));
    REQUIRE(fixture.start("web", "e"));
    CHECK(fixture.wait("web", "e").value().status == 0);
    CHECK(out->text == "5\n");
}

TEST_CASE("CloseIO of a created container reaches init once it runs", "[process]") {
    process_fixture fixture;
    auto in = fixture.open_stream(1);
    auto out = fixture.read(fixture.open_stream(2));
    REQUIRE(fixture.create("web", {"count"}, {"stream://1", "stream://2", "", false}));
    in->write("123");
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    REQUIRE(fixture.start("web"));
    REQUIRE(fixture.wait("web"));
    CHECK(out->text == "3\n");
    // Idempotent, also after the end.
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
}

TEST_CASE("CloseIO of a terminal stops its input and leaves its output", "[process]") {
    process_fixture fixture;
    auto in = fixture.read(fixture.open_stream(1));
    auto out = fixture.read(fixture.open_stream(2));
    fixture.run_container("web", {"cat"}, {"stream://1", "stream://2", "", true});
    in->write("typed\r");
    fixture.pump([&] { return out->text == "typed\r\ntyped\r\n"; });
    REQUIRE(fixture.run(fixture.processes.close_io("web", "")));
    fixture.pump([&] { return in->has_ended; });
    CHECK(fixture.status("web") == process_status::running);
    CHECK_FALSE(out->has_ended);
    REQUIRE(fixture.kill("web", "", SIGKILL));
    REQUIRE(fixture.wait("web"));
    fixture.pump([&] { return out->has_ended; });
}

TEST_CASE("CloseIO before the terminal has come is remembered", "[process]") {
    process_fixture fixture;
    fixture.run_container("web", {"sleep", "1000"});
    auto in = fixture.read(fixture.open_stream(1));
    auto out = fixture.read(fixture.open_stream(2));
    REQUIRE(fixture.add_exec("web", "e", {"sleep", "1000"}, {"stream://1", "stream://2", "", true}));
    REQUIRE(fixture.run(fixture.processes.close_io("web", "e")));
    REQUIRE(fixture.start("web", "e"));
    fixture.pump([&] { return in->has_ended; });
    CHECK(fixture.status("web", "e") == process_status::running);
}

TEST_CASE("streams may have names", "[process]") {
    process_fixture fixture(named_streams());
    auto pair = ttrpc::connected_pair(fixture.ex()).value();
    REQUIRE(fixture.streams.add("web-stdout", std::move(pair.first)));
    auto out = fixture.read(std::make_shared<host_stream>(fixture.ex(), std::move(pair.second)));
    CHECK(
        fixture.create("other", {"exit", "0"}, {"", "stream://other-stdout", "", false}).error().message() ==
        "failed to create init process I/O: failed to get stdout stream: unable to get stream other-stdout: not found");
    fixture.run_container("web", {"echo", "named"}, {"", "stream://web-stdout", "", false});
    REQUIRE(fixture.wait("web"));
    fixture.pump([&] { return out->has_ended; });
    CHECK(out->text == "named\n");
}
