// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/memory_reclaim.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <future>
#include <optional>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

constexpr auto meminfo =
    "MemTotal: 1000 kB\nMemFree:  300 kB\nMemAvailable: 700 kB\nBuffers: 10 kB\nCached: 400 kB\nShmem: 50 kB\n"
    "SReclaimable: 40 kB\nOdd\n";

struct reclaim_fixture : test::io_fixture {
    reclaim_fixture() { put("proc/meminfo", meminfo); }
    ~reclaim_fixture() { syscalls::set_fault_hook(nullptr); }

    void put(const std::string& name, const std::string& text) {
        auto path = directory.path(name);
        REQUIRE(make_directories(path.substr(0, path.rfind('/')), 0755));
        REQUIRE(replace_file(path, text, 0644));
    }
    std::string text(const std::string& name) { return read_file(directory.path(name)).value(); }
    result<reclaim_outcome> reclaim(reclaim_wish wish = {}) { return run(memory.perform(std::move(wish))); }

    test::temporary_directory directory;
    memory_reclaim memory{ctx, directory.path("proc"), directory.path("cgroup")};
};

}  // namespace

TEST_CASE("the figures of memory are read", "[reclaim]") {
    auto figures = parse_meminfo(meminfo);
    CHECK(figures.free == 300 * 1024);
    CHECK(figures.available == 700 * 1024);
    CHECK(figures.cached == 400 * 1024);
    CHECK(parse_meminfo("").cached == 0);
    CHECK(parse_meminfo("Cached: 1 kB\nShmem: 9 kB\n").cached == 0);
}

TEST_CASE_METHOD(reclaim_fixture, "the machine gives up its caches, then lays together what is free", "[reclaim]") {
    put("cgroup/memory.reclaim", "");
    put("proc/sys/vm/compact_memory", "");
    auto outcome = reclaim();
    REQUIRE(outcome);
    CHECK(text("cgroup/memory.reclaim") == std::to_string(400 * 1024));
    CHECK(text("proc/sys/vm/compact_memory") == "1");
    CHECK(outcome->before.free == 300 * 1024);
    CHECK(outcome->after.available == 700 * 1024);
    CHECK(outcome->is_whole);
    CHECK(outcome->remarks.empty());
    put("cgroup/memory.reclaim", "");
    reclaim_wish some;
    some.bytes = 4096;
    some.compacts = false;
    put("proc/sys/vm/compact_memory", "");
    REQUIRE(reclaim(some));
    CHECK(text("cgroup/memory.reclaim") == "4096");
    CHECK(text("proc/sys/vm/compact_memory").empty());
}

TEST_CASE_METHOD(reclaim_fixture, "a container gives up what it uses, at most", "[reclaim]") {
    put("c1/memory.reclaim", "");
    put("c1/memory.current", "12288\n");
    reclaim_wish wish;
    wish.cgroup = directory.path("c1");
    wish.compacts = false;
    wish.bytes = 1 << 30;
    auto outcome = reclaim(wish);
    REQUIRE(outcome);
    CHECK(text("c1/memory.reclaim") == "12288");
    CHECK(outcome->cgroup_before == 12288);
    CHECK(outcome->cgroup_after == 12288);
}

TEST_CASE_METHOD(reclaim_fixture, "what a kernel cannot do is said", "[reclaim]") {
    auto outcome = reclaim();
    REQUIRE(outcome);
    CHECK(outcome->remarks ==
          std::vector<std::string>{"memory.reclaim needs Linux 5.19", "compaction needs CONFIG_COMPACTION"});
    reclaim_wish wish;
    wish.cgroup = directory.path("c1");
    put("c1/memory.current", "4096\n");
    auto refused = reclaim(wish);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind() == errc::not_implemented);
    put("cgroup/memory.reclaim", "");
    put("proc/sys/vm/compact_memory", "");
    syscalls::set_fault_hook([](std::string_view name) { return name == "write" ? EAGAIN : 0; });
    CHECK(reclaim().error().message() ==
          "write " + directory.path("proc/sys/vm/compact_memory") + ": Resource temporarily unavailable");
}

TEST_CASE_METHOD(reclaim_fixture, "one at a time, stopped at its limit, and not held up by who gives up", "[reclaim]") {
    put("cgroup/memory.reclaim", "");
    static std::shared_future<void> gate;
    std::promise<void> opened;
    gate = opened.get_future().share();
    syscalls::set_fault_hook([](std::string_view name) {
        if (name == "open") gate.wait();
        return 0;
    });
    manual_time time;
    std::optional<result<reclaim_outcome>> outcome;
    auto ask = [](memory_reclaim& target, std::optional<result<reclaim_outcome>>& into) -> awaitable<void> {
        into.emplace(co_await target.perform({}));
    };
    task_group callers(ex(), log());
    callers.spawn("caller", ask(memory, outcome));
    poll();
    CHECK(reclaim().error().message() == "memory is being reclaimed already: failed precondition");
    SECTION("to the limit") {
        time.advance(memory_reclaim::limit);
        poll();
        opened.set_value();
        pump([&] { return outcome.has_value(); });
        REQUIRE(*outcome);
        CHECK_FALSE((*outcome)->is_whole);
        CHECK(text("cgroup/memory.reclaim").empty());
    }
    SECTION("beyond it") {
        for (int step = 0; step < 60; ++step) {
            time.advance(200ms);
            poll();
        }
        REQUIRE(outcome);
        CHECK(outcome->error().message() == "the kernel does not come to an end with it: context deadline exceeded");
        CHECK(reclaim().error().kind() == errc::failed_precondition);
        opened.set_value();
    }
    SECTION("given up") {
        callers.stop();
        pump([&] { return callers.size() == 0; });
        CHECK_FALSE(outcome);
        CHECK(reclaim().error().kind() == errc::failed_precondition);
        opened.set_value();
    }
    pump([&] { return !memory.is_at_work(); });
    syscalls::set_fault_hook(nullptr);
    CHECK(reclaim());
}
