// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/post.hpp>

#include "reaper_fixture.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using test::reaper_fixture;

TEST_CASE_METHOD(reaper_fixture, "launches come in order, and others get their turns between them", "[reaper]") {
    std::vector<std::string> order;
    auto launcher = [&](int number) -> awaitable<void> {
        co_await reaper.launch_turn();
        order.push_back("launch " + std::to_string(number));
        asio::post(ex(), [&order, number] { order.push_back("other " + std::to_string(number)); });
    };
    task_group tasks(ex(), log());
    for (int number = 0; number < 50; ++number) tasks.spawn("launcher", launcher(number));
    run(tasks.join());
    std::vector<std::string> launches;
    std::size_t others = 0;
    for (const auto& step : order) {
        if (step.starts_with("other")) {
            ++others;
            continue;
        }
        launches.push_back(step);
        // Whatever became ready in one launch's turn waits for the next one's at most.
        CHECK(launches.size() <= others + 2);
    }
    std::vector<std::string> expected;
    for (int number = 0; number < 50; ++number) expected.push_back("launch " + std::to_string(number));
    CHECK(launches == expected);
}

TEST_CASE_METHOD(reaper_fixture, "a turn that a cancelled caller leaves unused goes to the next", "[reaper]") {
    std::vector<std::string> order;
    auto launcher = [&](std::string name) -> awaitable<void> {
        co_await asio::this_coro::throw_if_cancelled(false);
        co_await reaper.launch_turn();
        auto state = co_await asio::this_coro::cancellation_state;
        bool is_cancelled = state.cancelled() != asio::cancellation_type::none;
        order.push_back(name + (is_cancelled ? " gave up" : " launched"));
    };
    task_group tasks(ex(), log());
    tasks.spawn("first", launcher("first"));
    auto second = tasks.spawn("second", launcher("second"));
    tasks.spawn("third", launcher("third"));
    second.stop();
    run(tasks.join());
    CHECK(order == std::vector<std::string>{"first launched", "second gave up", "third launched"});
}
