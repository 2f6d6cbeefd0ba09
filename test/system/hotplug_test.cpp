// SPDX-License-Identifier: Apache-2.0
#include "system/hotplug.hpp"

#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::system;
using namespace std::chrono_literals;

namespace {

struct hotplug_fixture : test::io_fixture {
    hotplug_fixture() : plug(ctx, prepared()), tasks(ex(), log()) {}
    ~hotplug_fixture() { syscalls::set_fault_hook(nullptr); }

    // Memory block 0 is there from boot, all others come later.
    std::string prepared() {
        std::filesystem::create_directories(sys.path("devices/system/cpu"));
        std::filesystem::create_directories(memory("memory0"));
        return sys.path();
    }

    std::string cpu(int number) { return sys.path("devices/system/cpu/cpu" + std::to_string(number) + "/online"); }
    std::string memory(const std::string& name = {}) { return sys.path("devices/system/memory/" + name); }

    void put(const std::string& path, const std::string& text) {
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path) << text;
    }
    std::string text(const std::string& path) { return read_file(path).value(); }

    test::temporary_directory sys;
    hotplug plug;
    task_group tasks;
};

}  // namespace

TEST_CASE_METHOD(hotplug_fixture, "the boot processor stays online", "[hotplug]") {
    auto offlined = run(plug.offline_cpu(0));
    REQUIRE_FALSE(offlined);
    CHECK(offlined.error().message() == "cpu 0 cannot be offlined (boot processor): invalid argument");
    CHECK(run(plug.online_cpu(0)));
}

TEST_CASE_METHOD(hotplug_fixture, "a cpu is switched, and switching again is success without a write", "[hotplug]") {
    put(cpu(1), "1\n");
    REQUIRE(run(plug.offline_cpu(1)));
    CHECK(text(cpu(1)).starts_with("0"));
    syscalls::set_fault_hook([](std::string_view name) { return name == "write" ? EIO : 0; });
    CHECK(run(plug.offline_cpu(1)));
    syscalls::set_fault_hook(nullptr);
    REQUIRE(run(plug.online_cpu(1)));
    CHECK(text(cpu(1)).starts_with("1"));
}

TEST_CASE_METHOD(hotplug_fixture, "a cpu that is not there cannot be offlined", "[hotplug]") {
    CHECK(run(plug.offline_cpu(7)).error().message() == "cpu 7 not present: not found");
}

TEST_CASE_METHOD(hotplug_fixture, "onlining waits two seconds for the cpu to appear", "[hotplug]") {
    manual_time time;
    std::optional<result<void>> outcome;
    auto online = [](hotplug_fixture* self, std::optional<result<void>>* out) -> awaitable<void> {
        auto done = co_await self->plug.online_cpu(3);
        out->emplace(done);
    };
    tasks.spawn("online", online(this, &outcome));
    poll();
    SECTION("and uses it when it does") {
        put(cpu(3), "0\n");
        time.advance(20ms);
        pump([&] { return outcome.has_value(); });
        CHECK(*outcome);
        CHECK(text(cpu(3)).starts_with("1"));
    }
    SECTION("and gives up when it does not") {
        for (int step = 0; step < 99; ++step) {
            time.advance(20ms);
            poll();
        }
        CHECK_FALSE(outcome);
        time.advance(20ms);
        poll();
        REQUIRE(outcome);
        CHECK(outcome->error().message() == "cpu 3: timeout waiting for " + cpu(3) + ": not found");
    }
}

TEST_CASE_METHOD(hotplug_fixture, "busy is a failed precondition, any other refusal internal", "[hotplug]") {
    put(cpu(1), "1\n");
    syscalls::set_fault_hook([](std::string_view name) { return name == "write" ? EBUSY : 0; });
    auto busy = run(plug.offline_cpu(1));
    CHECK(busy.error().message() == "write " + cpu(1) + ": Device or resource busy: failed precondition");
    syscalls::set_fault_hook([](std::string_view name) { return name == "write" ? EIO : 0; });
    CHECK(run(plug.offline_cpu(1)).error().kind() == errc::internal);
}

TEST_CASE_METHOD(hotplug_fixture, "a memory block is offlined only when it is there, online and removable",
                 "[hotplug]") {
    CHECK(run(plug.offline_memory(5)).error().message() == "memory block 5 not present: not found");
    put(memory("memory5/online"), "1\n");
    put(memory("memory5/removable"), "0\n");
    CHECK(run(plug.offline_memory(5)).error().message() ==
          "memory block 5 is not removable (kernel in use): failed precondition");
    put(memory("memory5/removable"), "1\n");
    REQUIRE(run(plug.offline_memory(5)));
    CHECK(text(memory("memory5/online")).starts_with("0"));
    put(memory("memory5/removable"), "0\n");
    CHECK(run(plug.offline_memory(5)));
}

TEST_CASE_METHOD(hotplug_fixture, "a memory block of the boot is never taken offline", "[hotplug]") {
    put(memory("memory0/online"), "1\n");
    put(memory("memory0/removable"), "1\n");
    auto refused = run(plug.offline_memory(0));
    CHECK(refused.error().message() ==
          "memory block 0 belongs to the memory the machine booted with: failed precondition");
    CHECK(text(memory("memory0/online")) == "1\n");
}

TEST_CASE_METHOD(hotplug_fixture, "a block that was taken offline does not come back with another", "[hotplug]") {
    for (const char* name : {"memory5", "memory6"}) put(memory(std::string(name) + "/online"), "1\n");
    REQUIRE(run(plug.offline_memory(5)));
    put(memory("memory5/state"), "offline\n");
    put(memory("memory5/online"), "0\n");
    REQUIRE(run(plug.online_memory(6)));
    CHECK(text(memory("memory5/online")) == "0\n");
    SECTION("unless it is asked for") {
        REQUIRE(run(plug.online_memory(5)));
        CHECK(text(memory("memory5/online")).starts_with("1"));
    }
    SECTION("unless it was unplugged, and another came in its place") {
        std::filesystem::rename(memory("memory5"), sys.path("gone"));
        put(memory("memory5/online"), "0\n");
        put(memory("memory5/state"), "offline\n");
        REQUIRE(run(plug.online_memory(6)));
        CHECK(text(memory("memory5/online")).starts_with("1"));
    }
}

namespace {

std::shared_future<void>* kernel_gate = nullptr;
std::atomic<int> hung_writes = 0;

// A kernel that does not come to an end with a write.
int hang_in_write(std::string_view name) {
    if (name != "write") return 0;
    ++hung_writes;
    kernel_gate->wait();
    return 0;
}

awaitable<void> keep(awaitable<result<void>> operation, std::optional<result<void>>& out) {
    auto done = co_await std::move(operation);
    out.emplace(done);
}

}  // namespace

TEST_CASE_METHOD(hotplug_fixture, "an operation that does not end is left behind, and its unit is busy", "[hotplug]") {
    manual_time time;
    std::promise<void> gate;
    auto passed = gate.get_future().share();
    kernel_gate = &passed;
    hung_writes = 0;
    syscalls::set_fault_hook(hang_in_write);
    put(memory("memory5/online"), "1\n");
    put(cpu(1), "1\n");
    std::optional<result<void>> first;
    tasks.spawn("offline", keep(plug.offline_memory(5), first));
    poll();
    while (hung_writes == 0) std::this_thread::yield();
    CHECK(run(plug.offline_memory(5)).error().message() ==
          "memory block 5: another operation is under way: failed precondition");
    CHECK(run(plug.online_memory(5)).error().kind() == errc::failed_precondition);
    // Nothing of this was read on the loop: a fifo there would have stopped it.
    CHECK_FALSE(first);
    time.advance(hotplug::limit);
    poll();
    for (int step = 0; step < 5; ++step) {
        CHECK_FALSE(first);
        time.advance(200ms);
        poll();
    }
    REQUIRE(first);
    CHECK(first->error().message() ==
          "memory block 5: the kernel does not come to an end with it: context deadline exceeded");
    CHECK(run(plug.offline_memory(5)).error().kind() == errc::failed_precondition);
    gate.set_value();
    syscalls::set_fault_hook(nullptr);

    auto& pool = asio::use_service<blocking_service>(ctx);
    while (pool.counters(blocking_lane::hotplug).running > 0) std::this_thread::yield();
    poll();
    CHECK(run(plug.offline_memory(5)));
}

TEST_CASE_METHOD(hotplug_fixture, "attributes are read in the pool", "[hotplug]") {
    std::filesystem::create_directories(memory("memory5"));
    std::filesystem::create_directories(sys.path("devices/system/cpu/cpu1"));
    std::optional<result<void>> memory_done;
    std::optional<result<void>> cpu_done;
    REQUIRE(::mkfifo(memory("memory5/online").c_str(), 0600) == 0);
    REQUIRE(::mkfifo(cpu(1).c_str(), 0600) == 0);
    tasks.spawn("memory", keep(plug.offline_memory(5), memory_done));
    tasks.spawn("cpu", keep(plug.offline_cpu(1), cpu_done));
    poll();  // would hang here
    CHECK_FALSE(memory_done);
    CHECK_FALSE(cpu_done);
    REQUIRE(write_file(memory("memory5/online"), "0"));
    REQUIRE(write_file(cpu(1), "0"));
    pump([&] { return memory_done && cpu_done; });
    CHECK(*memory_done);
    CHECK(*cpu_done);
}

TEST_CASE("a write that does not end is stopped by a signal", "[hotplug]") {
    test::temporary_directory directory;
    auto path = directory.path("fifo");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    stoppable_write writer;
    auto writing = std::async(std::launch::async, [&] { return writer.perform(path, "0"); });
    // Nobody reads: the open waits for ever. A signal that comes before it waits is lost, so it is sent again.
    do {
        writer.stop();
    } while (writing.wait_for(1ms) != std::future_status::ready);
    CHECK(syscalls::is_errno(writing.get().error(), ECANCELED));
    CHECK(syscalls::is_errno(writer.perform(path, "0").error(), ECANCELED));
}

TEST_CASE_METHOD(hotplug_fixture, "a kernel that onlines memory itself is not fought", "[hotplug]") {
    put(memory("auto_online_blocks"), "online\n");
    put(memory("memory5/online"), "1\n");
    REQUIRE(run(plug.offline_memory(5)));
    CHECK(text(memory("memory5/online")) == "1\n");
}

TEST_CASE_METHOD(hotplug_fixture, "onlining memory takes every offline block along", "[hotplug]") {
    for (const char* name : {"memory0", "memory32", "memory33"}) put(memory(std::string(name) + "/online"), "0\n");
    put(memory("memory0/state"), "online\n");
    put(memory("memory0/online"), "1\n");
    put(memory("memory32/state"), "offline\n");
    put(memory("memory33/state"), "going-offline\n");
    REQUIRE(run(plug.online_memory(0)));
    CHECK(text(memory("memory0/online")) == "1\n");
    CHECK(text(memory("memory32/online")).starts_with("1"));
    CHECK(text(memory("memory33/online")) == "0\n");
}

TEST_CASE_METHOD(hotplug_fixture, "a block that does not appear is not found, but the others are onlined",
                 "[hotplug]") {
    put(memory("memory32/online"), "0\n");
    put(memory("memory32/state"), "offline\n");
    manual_time time;
    std::optional<result<void>> outcome;
    auto online = [](hotplug_fixture* self, std::optional<result<void>>* out) -> awaitable<void> {
        auto done = co_await self->plug.online_memory(1);
        out->emplace(done);
    };
    tasks.spawn("online", online(this, &outcome));
    poll();
    time.advance(2s);
    pump([&] { return outcome.has_value(); });
    CHECK(outcome->error().message() ==
          "memory block 1: timeout waiting for " + memory("memory1/online") + ": not found");
    CHECK(text(memory("memory32/online")).starts_with("1"));
}

TEST_CASE_METHOD(hotplug_fixture, "a cancelled wait ends", "[hotplug]") {
    tasks.spawn("online", [](hotplug* target) -> awaitable<void> { (void)co_await target->online_cpu(3); }(&plug));
    poll();
    tasks.stop();
    pump([&] { return tasks.size() == 0; });
}
