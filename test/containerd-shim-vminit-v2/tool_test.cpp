// SPDX-License-Identifier: Apache-2.0
#include "tool.hpp"

#include <catch2/catch.hpp>

#include "support/io_fixture.hpp"
#include "vminit/reaper/reaper_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::shim;

namespace {

struct tools : io_fixture {
    result<std::string> output_of_shell(const std::string& script, std::string input = {}) {
        tool call({"sh", "-c", script});
        call.input = std::move(input);
        return run(output_of(ctx, std::move(call)));
    }
    std::string failure_of(const std::string& script) {
        auto text = output_of_shell(script);
        REQUIRE_FALSE(text);
        return text.error().message();
    }
    std::size_t children() { return asio::use_service<reaper::reaper_service>(ctx).counters().known; }
};

}  // namespace

TEST_CASE_METHOD(tools, "a tool reads its input and is asked for its output", "[shim]") {
    CHECK(output_of_shell("cat; echo noise >&2", "some\nlines\n").value() == "some\nlines\n");
    CHECK(output_of_shell("true").value().empty());
    CHECK(children() == 0);
}

TEST_CASE_METHOD(tools, "a tool that fails is an error with its words", "[shim]") {
    CHECK(failure_of("echo printed; echo 'no such thing' >&2; exit 3") == "sh: no such thing");
    CHECK(failure_of("exit 3") == "sh: ended with 3");
    CHECK(failure_of("kill -KILL $$") == "sh: ended with 137");
    tool missing({"no-such-tool-here"});
    auto text = run(output_of(ctx, std::move(missing)));
    REQUIRE_FALSE(text);
    CHECK(text.error().kind() == errc::not_found);
    CHECK(children() == 0);
}

TEST_CASE_METHOD(tools, "a tool that says too much is an error and is waited for", "[shim]") {
    auto text = output_of_shell("head -c 1048577 /dev/zero");
    REQUIRE_FALSE(text);
    CHECK(text.error().kind() == errc::resource_exhausted);
    CHECK(output_of_shell("head -c 1048576 /dev/zero").value().size() == longest_output);
    pump([&] { return children() == 0; });
}
