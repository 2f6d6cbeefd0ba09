// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/logger.hpp"

#include "reaper/reaper_fixture.hpp"

using namespace vminit;
using namespace vminit::reaper;
using namespace vminit::test;
using namespace std::chrono_literals;

namespace {

/// A logger that is a shell script.
struct logger_fixture : reaper_fixture {
    logger_options script(const std::string& text) {
        logger_options options;
        options.path = directory.path("logger");
        REQUIRE(replace_file(options.path, "#!/bin/sh\nd=" + directory.path() + "\n" + text, 0755));
        options.container_id = "web";
        options.name_space = "k8s.io";
        return options;
    }
    result<child> start(logger_options options) { return run(start_logger(ctx, std::move(options))); }
};

}  // namespace

TEST_CASE_METHOD(logger_fixture, "a logger reads both outputs, knows whose they are, and nothing of ours", "[reaper]") {
    auto out = syscalls::pipe().value();
    auto err = syscalls::pipe().value();
    auto options = script(
        "env | grep -v -e ^PWD= -e ^_= | sort > $d/env; echo \"$@\" > $d/args; exec 5>&-\n"
        "cat <&3 > $d/out; cat <&4 > $d/err\n");
    options.arguments = {{"b", "2"}, {"a", "one word"}};
    options.out = out.read_end.get();
    options.err = err.read_end.get();
    auto logger = start(std::move(options));
    REQUIRE(logger);
    REQUIRE(syscalls::write_all(out.write_end.get(), "said", "pipe"));
    REQUIRE(syscalls::write_all(err.write_end.get(), "complained", "pipe"));
    for (auto* pipe : {&out, &err}) *pipe = {};
    run(end_logger(std::move(*logger), 60s, 60s));
    CHECK(read_file(directory.path("out")).value() == "said");
    CHECK(read_file(directory.path("err")).value() == "complained");
    CHECK(read_file(directory.path("args")).value() == "b 2 a one word\n");
    CHECK(read_file(directory.path("env")).value() == "CONTAINER_ID=web\nCONTAINER_NAMESPACE=k8s.io\n");
}

TEST_CASE_METHOD(logger_fixture, "a logger is waited for until it is ready", "[reaper]") {
    SECTION("closing is ready") { CHECK(start(script("exec 5>&-; exec sleep 1000\n"))); }
    SECTION("and so is a byte") { CHECK(start(script("echo >&5; exec sleep 1000\n"))); }
    SECTION("where the byte is demanded, closing is not enough") {
        auto options = script("exec 5>&-; exec sleep 1000\n");
        options.must_say_ready = true;
        auto refused = start(std::move(options));
        REQUIRE_FALSE(refused);
        CHECK(refused.error().message() == "logger did not say that it is ready: failed precondition");
    }
    SECTION("one that is never ready is killed at the limit") {
        auto options = script("exec sleep 1000\n");
        options.ready_limit = 1ms;
        CHECK(start(std::move(options)).error().kind() == errc::deadline_exceeded);
        pump([&] { return reaper.counters().known == 0; });
    }
    SECTION("one that is not there") {
        logger_options options;
        options.path = "/nonexistent/logger";
        CHECK(start(std::move(options)).error().kind() == errc::not_found);
    }
}

TEST_CASE_METHOD(logger_fixture, "a logger that does not end is made to", "[reaper]") {
    std::string how =
        GENERATE("exec 5>&-; exec sleep 1000\n", "trap '' TERM; exec 5>&-; while :; do read x </dev/zero; done\n");
    auto logger = start(script(how));
    REQUIRE(logger);
    run(end_logger(std::move(*logger), 1ms, 1ms));
    pump([&] { return reaper.counters().known == 0; });
}
