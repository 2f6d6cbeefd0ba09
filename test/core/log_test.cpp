// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/log.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "vminit/core/utf8.hpp"

using namespace vminit;

namespace {

struct captured {
    std::vector<std::string> lines;
    log_sink sink() {
        return [this](log_level, std::string_view line) { lines.emplace_back(line); };
    }
};

}  // namespace

TEST_CASE("a json line has time, level, message and typed fields", "[core]") {
    captured out;
    logger log(out.sink());
    log.info("container started", {{"id", "a\"b"}, {"pid", 42}, {"big", std::uint64_t{1} << 63}, {"ok", true}, {"low", -1}});
    REQUIRE(out.lines.size() == 1);
    const auto& line = out.lines[0];
    CHECK(line.starts_with(R"({"time":"2)"));
    CHECK(line.ends_with(
        R"(Z","level":"info","msg":"container started","id":"a\"b","pid":42,"big":9223372036854775808,"ok":true,"low":-1})"));
}

TEST_CASE("a text line is for people and cannot be forged", "[core]") {
    captured out;
    logger log(out.sink(), log_level::debug, log_format::text);
    log.warn("boot step failed", {{"step", "mount"}, {"why", "no\nspace left"}, {"empty", ""}});
    REQUIRE(out.lines.size() == 1);
    CHECK(out.lines[0] == R"(warn  boot step failed step=mount why="no\nspace left" empty="")");
}

TEST_CASE("a line is UTF-8 whatever is logged", "[core]") {
    captured out;
    logger log(out.sink(), log_level::debug, GENERATE(log_format::json, log_format::text));
    log.warn("said \xff", {{"why", "\xe2\x82 caf\xc3\xa9\xc0"}, {"word", "\xed\xa0\x80"}});
    REQUIRE(out.lines.size() == 1);
    CHECK(is_utf8(out.lines[0]));
    CHECK(out.lines[0].find("said \xef\xbf\xbd") != std::string::npos);
    CHECK(out.lines[0].find("\xef\xbf\xbd\xef\xbf\xbd caf\xc3\xa9\xef\xbf\xbd") != std::string::npos);
}

TEST_CASE("an error field is the error's message", "[core]") {
    captured out;
    logger log(out.sink(), log_level::debug, log_format::text);
    log.error("create failed", {{"error", error(errc::not_found, "bundle")}});
    CHECK(out.lines.at(0) == R"(error create failed error="bundle: not found")");
}

TEST_CASE("lines below the level are not written, verbatim lines always are", "[core]") {
    captured out;
    logger log(out.sink(), log_level::error);
    log.info("hidden");
    log.verbatim("VMINITD_READY uptime_us=1 phase=serve");
    CHECK(out.lines == std::vector<std::string>{"VMINITD_READY uptime_us=1 phase=serve"});
    log_level level = log_level::error;
    CHECK(parse_log_level("debug", level));
    CHECK(level == log_level::debug);
    CHECK_FALSE(parse_log_level("loud", level));
}

TEST_CASE("a flood is limited, counted and told, and errors get through", "[core]") {
    manual_time time;
    captured out;
    logger log(out.sink(), log_level::debug, log_format::text);
    for (unsigned i = 0; i < logger::burst + 50; ++i) log.info("line");
    CHECK(out.lines.size() == logger::burst);
    CHECK(log.dropped() == 50);
    log.error("act");
    REQUIRE(out.lines.size() == logger::burst + 2);
    CHECK(out.lines[logger::burst] == "warn  log lines dropped count=50");
    CHECK(out.lines.back() == "error act");
    time.advance(std::chrono::seconds(1));
    log.info("again");
    CHECK(out.lines.back() == "info  again");
}
