// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <map>

#include "event_watch.hpp"
#include "observer.hpp"
#include "test_size.hpp"
#include "virtual_machine.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

struct exec_run {
    std::uint32_t pid = 0;
    std::uint32_t status = 255;
    bool is_complete = false;
};

/// What all lanes share.
struct storm {
    storm(container_calls& calls, std::string id, std::size_t left) : calls(calls), id(std::move(id)), left(left) {}

    container_calls& calls;
    std::string id;
    std::size_t left;
    std::map<std::string, std::vector<exec_run>> runs;
    std::vector<std::string> failures;
};

std::string lane_id(std::size_t lane) { return "lane" + std::to_string(lane); }

/// Wait is on the wire before Start: it is answered whenever the exit comes.
awaitable<exec_run> run_once(storm& all, process_key key) {
    using namespace asio::experimental::awaitable_operators;
    exec_run run;
    const exec_wish wish(std::vector<std::string>{"/bin/true"});
    const stdio_uris silent;
    auto added = co_await all.calls.exec(key, wish, silent);
    if (!added) {
        all.failures.push_back("exec: " + added.error().message());
        co_return run;
    }
    auto [waited, started] = co_await (all.calls.wait(key) && all.calls.start(key));
    if (!waited || !started) {
        all.failures.push_back("start: " + (started ? waited.error() : started.error()).message());
        co_return run;
    }
    run.pid = *started;
    run.status = waited->exit_status();
    auto removed = co_await all.calls.remove(key);
    run.is_complete = removed && removed->pid() == run.pid && removed->exit_status() == run.status;
    if (!run.is_complete) all.failures.push_back("delete of " + key.exec_id);
    co_return run;
}

/// One exec after the other, all with the same id.
awaitable<void> run_lane(storm& all, std::size_t lane) {
    process_key key(all.id, lane_id(lane));
    while (all.left > 0 && all.failures.empty()) {
        --all.left;
        auto run = co_await run_once(all, key);
        all.runs[key.exec_id].push_back(run);
    }
}

void check_events(const std::vector<task_event>& events, const storm& all) {
    std::map<std::string, std::vector<std::string>> seen, expected;
    for (const auto& event : events) {
        seen[event.process].push_back(event.topic + " " + std::to_string(event.pid) + " " +
                                      std::to_string(event.status));
    }
    for (const auto& [exec_id, runs] : all.runs) {
        auto& list = expected[exec_id];
        for (const auto& run : runs) {
            list.push_back("/tasks/exec-added 0 0");
            list.push_back("/tasks/exec-started " + std::to_string(run.pid) + " 0");
            list.push_back("/tasks/exit " + std::to_string(run.pid) + " 0");
        }
        CAPTURE(exec_id);
        CHECK(seen[exec_id] == list);
    }
    CHECK(seen.size() == expected.size() + 1);  // and init's
}

}  // namespace

// VMINIT_STORM_EXECS=1000 VMINIT_STORM_LANES=32 is the full size.
TEST_CASE("a storm of execs tells each exit exactly once, in order, and init's last", "[vm]") {
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    event_watch watch(vm);
    container_wish wish("exec sleep 100000");
    wish.id = guest::fresh_id();
    REQUIRE(vm.create(wish));
    auto init = vm.start(wish.id);
    REQUIRE(init);
    auto before = eye.remains();

    storm all(vm.calls(), wish.id, test_size("VMINIT_STORM_EXECS", 96));
    auto total = all.left;
    task_group tasks(vm.ex(), vm.log());
    for (auto lane = test_size("VMINIT_STORM_LANES", 16); lane > 0; --lane) tasks.spawn("lane", run_lane(all, lane));
    vm.run(tasks.join());
    CAPTURE(all.failures);
    REQUIRE(all.failures.empty());
    std::size_t complete = 0;
    for (const auto& [exec_id, runs] : all.runs) {
        for (const auto& run : runs) complete += run.is_complete && run.status == 0 && run.pid > 0 ? 1 : 0;
    }
    CHECK(complete == total);
    CHECK(eye.remains() == before);

    vm.kill_and_remove(wish.id);
    auto exit = watch.wait_for("/tasks/exit", wish.id, wish.id);
    CHECK(exit.pid == *init);
    auto events = watch.of(wish.id);
    CHECK(events.back().sequence == exit.sequence);
    check_events(events, all);
}
