// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/log_history.hpp"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "support/io_fixture.hpp"

using namespace vminit;
using namespace std::chrono_literals;

namespace {

struct history_fixture : test::io_fixture {
    log_history& history = asio::use_service<log_history>(ctx);
};

}  // namespace

TEST_CASE_METHOD(history_fixture, "a log is kept as it is handed on, with its times", "[core]") {
    manual_time time(clock::time_point(5s));
    std::vector<std::string> shown;
    logger log(history.keeping([&](log_level, std::string_view line) { shown.emplace_back(line); }), log_level::info,
               log_format::text);
    log.info("up", {{"pid", 1}});
    time.advance(2s);
    log.debug("not wanted");
    log.warn("hot");
    log.verbatim("READY");
    REQUIRE(history.end() == 3);
    CHECK(history.begin() == 0);
    CHECK(history.at(0).text == "info  up pid=1");
    CHECK(history.at(0).level == log_level::info);
    CHECK(history.at(0).time == clock::time_point(5s));
    CHECK(history.at(1).level == log_level::warn);
    CHECK(history.at(1).time == clock::time_point(7s));
    CHECK(history.at(2).text == "READY");
    CHECK(shown == std::vector<std::string>{"info  up pid=1", "warn  hot", "READY"});
}

TEST_CASE_METHOD(history_fixture, "of a long log the end is kept", "[core]") {
    constexpr std::size_t fits = log_history::max_bytes / (64 + 101);
    auto text_of = [](std::uint64_t number) {
        auto text = std::to_string(number);
        return text + std::string(100 - text.size(), ' ') + '.';
    };
    for (std::uint64_t number = 0; number < 1000; ++number) history.add(log_level::info, text_of(number));
    CHECK(history.end() == 1000);
    CHECK(history.begin() == 1000 - fits);
    for (auto number = history.begin(); number < history.end(); ++number)
        CHECK(history.at(number).text == text_of(number));
    history.add(log_level::info, std::string(2 * log_history::max_bytes, 'x'));
    CHECK(history.begin() == 1000);
    CHECK(history.at(1000).text.size() == log_history::max_bytes - 64);
}

TEST_CASE_METHOD(history_fixture, "who waits for the next line is woken by it", "[core]") {
    auto next = [](log_history& lines) -> awaitable<std::string> {
        auto number = lines.end();
        while (lines.end() == number) co_await lines.wait();
        co_return lines.at(number).text;
    };
    std::string got;
    asio::co_spawn(ex(), next(history), [&](std::exception_ptr, std::string text) { got = std::move(text); });
    poll();
    CHECK(got.empty());
    history.add(log_level::info, "now");
    poll();
    CHECK(got == "now");
}
