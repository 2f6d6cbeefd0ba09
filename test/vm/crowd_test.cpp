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

constexpr int lanes = 4;

struct crowd {
    crowd(guest& vm, std::size_t count) : vm(vm) {
        for (; count > 0; --count) waiting.push_back(guest::fresh_id());
    }

    guest& vm;
    std::vector<std::string> waiting;
    std::vector<std::string> running;
    std::vector<std::string> failures;
};

awaitable<void> start_some(crowd& all) {
    while (!all.waiting.empty()) {
        container_wish wish("exec sleep 100000");
        wish.id = all.waiting.back();
        all.waiting.pop_back();
        process_key key(wish.id, "");
        auto created = co_await all.vm.calls().create(wish, stdio_uris());
        if (!created) all.failures.push_back("create: " + created.error().message());
        auto started = co_await all.vm.calls().start(key);
        if (!started) all.failures.push_back("start: " + started.error().message());
        all.running.push_back(key.id);
    }
}

awaitable<void> end_some(crowd& all) {
    while (!all.running.empty()) {
        process_key key(all.running.back(), "");
        all.running.pop_back();
        auto killed = co_await all.vm.calls().kill(key, SIGKILL);
        if (!killed) all.failures.push_back("kill: " + killed.error().message());
        auto exit = co_await all.vm.calls().wait(key);
        if (!exit || exit->exit_status() != 137) all.failures.push_back("wait for " + key.id);
        auto removed = co_await all.vm.calls().remove(key);
        if (!removed) all.failures.push_back("delete: " + removed.error().message());
    }
}

void in_lanes(crowd& all, awaitable<void> (*work)(crowd&)) {
    task_group tasks(all.vm.ex(), all.vm.log());
    for (int lane = 0; lane < lanes; ++lane) tasks.spawn("lane", work(all));
    all.vm.run(tasks.join());
    CAPTURE(all.failures);
    REQUIRE(all.failures.empty());
}

}  // namespace

// VMINIT_CROWD=50 is the full size.
TEST_CASE("of many containers at once nothing is left after their end", "[vm]") {
    constexpr std::int64_t noise = 64;  // KB of PID 1: pages of its heap that stay partly used
    guest vm(virtual_machine::shared_address());
    observer eye(vm);
    event_watch watch(vm);
    auto count = test_size("VMINIT_CROWD", 12);
    // The first round brings PID 1's heap and caches to the size that the second must not exceed.
    std::int64_t memory = 0;
    auto bundles = [&] { return eye.number("ls /proc/1/root/run/bundles | wc -l"); };
    auto bundles_before = bundles();
    for (int round = 0; round < 2; ++round) {
        auto before = eye.remains();
        crowd all(vm, count);
        auto ids = all.waiting;
        in_lanes(all, start_some);
        CHECK(all.running.size() == count);
        CHECK(eye.number("ls /proc/1/root/sys/fs/cgroup/default | grep -c '^t'") >= static_cast<std::int64_t>(count));
        in_lanes(all, end_some);
        CHECK(eye.remains() == before);
        CHECK(bundles() == bundles_before);
        if (round == 0) memory = eye.memory_of_pid_one();
        for (const auto& id : ids) {
            watch.wait_for("/tasks/exit", id, id);
            CHECK(watch.topics_of(id) == std::vector<std::string>{"/tasks/create", "/tasks/start", "/tasks/exit"});
        }
    }
    CHECK(eye.memory_of_pid_one() <= memory + noise);
}
