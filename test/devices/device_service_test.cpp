// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/device_service.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>

#include "fake_sysfs.hpp"
#include "support/io_fixture.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/core/task_group.hpp"
#include "vminit/core/unique_fd.hpp"

using namespace vminit;
using namespace vminit::devices;
using namespace std::chrono_literals;

namespace {

using found = result<std::string>;

struct device_fixture : test::io_fixture {
    device_fixture() : service(asio::make_service<device_service>(ctx, system.config())), tasks(ex(), log()) {}
    ~device_fixture() { syscalls::set_fault_hook(nullptr); }

    // Starts a search; its outcome is in `outcome` some time later.
    void search_serial(std::string serial, clock::duration limit) {
        auto search = [](device_fixture* self, std::string text, clock::duration span) -> awaitable<void> {
            auto path = co_await self->service.find_block_by_serial(std::move(text), span);
            self->outcome.emplace(std::move(path));
        };
        tasks.spawn("search", search(this, std::move(serial), limit));
    }

    test::fake_sysfs system;
    device_service& service;
    task_group tasks;
    std::optional<found> outcome;
};

std::atomic<int> looks{0};
int refuse_sockets(std::string_view name) {
    if (name == "list") ++looks;
    return name == "socket" ? EPERM : 0;
}

}  // namespace

TEST_CASE_METHOD(device_fixture, "a disk that is there is found at once by its trimmed serial", "[devices]") {
    system.add_disk("vda", "other\n");
    system.add_disk("vdb", "sbxblk0\n");
    system.add_node("vda");
    system.add_node("vdb");
    auto path = run(service.find_block_by_serial("sbxblk0"));
    REQUIRE(path);
    CHECK(*path == system.node("vdb"));
}

TEST_CASE_METHOD(device_fixture, "a serial names the disk, not its partitions", "[devices]") {
    system.add_disk("vda", "root");
    system.add_partition("vda", "vda1", 1);
    system.add_node("vda");
    system.add_node("vda1");
    CHECK(*run(service.find_block_by_serial("root")) == system.node("vda"));
    CHECK(*run(service.find_block_by_name("vda1")) == system.node("vda1"));
}

TEST_CASE_METHOD(device_fixture, "a disk that does not come is not found after the limit", "[devices]") {
    manual_time time;
    search_serial("root", 5s);
    poll();
    time.advance(4999ms);
    poll();
    CHECK_FALSE(outcome);
    time.advance(1ms);
    pump([&] { return outcome.has_value(); });
    REQUIRE_FALSE(*outcome);
    CHECK(outcome->error().message() == "resolve block device by serial \"root\": not found");
    CHECK(outcome->error().kind() == errc::not_found);
}

TEST_CASE_METHOD(device_fixture, "a disk whose node cannot be opened yet is not there yet", "[devices]") {
    system.add_disk("vda", "root");
    auto node = system.node("vda");
    sockaddr_un address{AF_UNIX, {}};
    node.copy(address.sun_path, sizeof address.sun_path - 1);
    unique_fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // A socket's name cannot be opened: ENXIO, as of a disk that the kernel is about to add.
    REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK_FALSE(run(service.find_block_by_serial("root", 0s)));
    REQUIRE(::unlink(node.c_str()) == 0);
    system.add_node("vda");
    CHECK(run(service.find_block_by_serial("root", 0s)));
}

TEST_CASE_METHOD(device_fixture, "a disk without its node, and one without a serial, are not found", "[devices]") {
    system.add_disk("vda", "root");
    system.add_disk("vdb");
    system.add_node("vdb");
    CHECK_FALSE(run(service.find_block_by_serial("root", 0s)));
    CHECK_FALSE(run(service.find_block_by_serial("", 0s)));
    CHECK(run(service.find_block_by_name("vdc", 0s)).error().message() == "wait for block device \"vdc\": not found");
}

TEST_CASE_METHOD(device_fixture, "without uevents it looks again every 100 ms", "[devices]") {
    syscalls::set_fault_hook(refuse_sockets);
    manual_time time;
    looks = 0;
    search_serial("root", 1h);
    pump([&] { return looks == 1; });
    CHECK(has_line("no uevents"));
    system.add_disk("vda", "root");
    system.add_node("vda");
    poll();
    CHECK_FALSE(outcome);
    while (!outcome) {
        time.advance(100ms);
        poll();
    }
    CHECK(**outcome == system.node("vda"));
}

TEST_CASE_METHOD(device_fixture, "a cancelled search ends and listens no more", "[devices]") {
    search_serial("root", 1h);
    poll();
    tasks.stop();
    pump([&] { return tasks.size() == 0; });
    // Cancelled while it looked it says so; while it waited it throws.
    if (outcome) CHECK(outcome->error().kind() == errc::cancelled);
    // Nothing is left on the loop but the idle pool thread, which is not its work.
    ctx.restart();
    ctx.run();
}

TEST_CASE_METHOD(device_fixture, "a uevent makes it look again", "[.][privileged]") {
    search_serial("root", 1h);
    auto trigger = [&] { REQUIRE(write_file("/sys/class/mem/null/uevent", "change")); };
    poll();  // from here on it listens
    trigger();
    pump([&] { return service.counters().uevents > 0; });
    CHECK_FALSE(outcome);
    system.add_disk("vda", "root");
    system.add_node("vda");
    trigger();
    pump([&] { return outcome.has_value(); });
    CHECK(**outcome == system.node("vda"));
    CHECK(service.counters().malformed == 0);
}
