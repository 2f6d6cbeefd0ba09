#include "system/hotplug.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

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
    hotplug_fixture() : plug(asio::use_service<blocking_service>(ctx), sys.path()), tasks(ex(), log()) {
        std::filesystem::create_directories(sys.path("devices/system/cpu"));
        std::filesystem::create_directories(memory());
    }
    ~hotplug_fixture() { syscalls::set_fault_hook(nullptr); }

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
