// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/log.hpp"

namespace vminit::test {

/// One context for one test. Log lines are collected in `lines` (debug level, text format) for assertions.
class io_fixture {
public:
    io_fixture() {
        asio::make_service<log_service>(
            ctx, logger([this](log_level, std::string_view line) { lines.emplace_back(line); }, log_level::debug,
                        log_format::text));
    }

    logger& log() { return log_of(ctx); }
    executor ex() { return ctx.get_executor(); }

    bool has_line(std::string_view part) const {
        for (const auto& line : lines) {
            if (line.find(part) != std::string::npos) return true;
        }
        return false;
    }

    /// Runs `task` to its end on the real clock and returns its value; an exception is rethrown.
    template <class T>
    T run(awaitable<T> task) {
        std::optional<T> value;
        run(store(std::move(task), value));
        return std::move(*value);
    }

    void run(awaitable<void> task) {
        bool is_done = false;
        std::exception_ptr failure;
        auto done = [&](std::exception_ptr thrown) {
            failure = thrown;
            is_done = true;
        };
        asio::co_spawn(ex(), std::move(task), done);
        pump([&] { return is_done; });
        if (failure) std::rethrow_exception(failure);
    }

    /// Turns the loop until `is_met`; fails the test when the loop runs out of work first.
    void pump(const std::function<bool()>& is_met) {
        ctx.restart();
        while (!is_met()) {
            if (ctx.run_one() == 0) FAIL("the loop ran out of work before the condition was met");
        }
    }

    /// Runs what is ready now, without waiting.
    void poll() {
        ctx.restart();
        ctx.poll();
    }

    std::vector<std::string> lines;
    asio::io_context ctx{1};

private:
    // co_spawn would want a default-constructible T.
    template <class T>
    static awaitable<void> store(awaitable<T> task, std::optional<T>& value) {
        value.emplace(co_await std::move(task));
    }
};

}  // namespace vminit::test
