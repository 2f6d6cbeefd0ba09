// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "guest.hpp"
#include "stuck_calls.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::test;
namespace json = boost::json;

namespace {

namespace wire = containerd::vminitd::services::system::v1;

/// Plugs in the first processor that QEMU has room for.
void plug_in_cpu(const std::string& directory) {
    auto places = json::parse(qmp(directory, "query-hotpluggable-cpus")).as_array();
    // QEMU lists the last one first.
    for (auto place = places.rbegin(); place != places.rend(); ++place) {
        const auto& cpu = place->as_object();
        if (cpu.contains("qom-path")) continue;
        json::object device{{"driver", cpu.at("type")}, {"id", "plugged"}};
        for (const auto& [key, value] : cpu.at("props").as_object()) device[key] = value;
        qmp(directory, "device_add", json::serialize(device));
        return;
    }
    FAIL("QEMU has no room for a processor");
}

void plug_in_memory(const std::string& directory, std::uint64_t bytes) {
    // Shared, as the vsock device maps all of the guest's memory.
    json::object memory{{"qom-type", "memory-backend-memfd"}, {"id", "more"}, {"size", bytes}, {"share", true}};
    qmp(directory, "object-add", json::serialize(memory));
    qmp(directory, "device_add", R"({"driver":"pc-dimm","id":"dimm","memdev":"more"})");
}

result<void> online_cpu(guest& vm, std::uint32_t cpu) {
    wire::OnlineCPURequest request;
    request.set_cpu_id(cpu);
    auto done = vm.run(vm.system().OnlineCPU(request, guest::limit));
    if (!done) return done.error();
    return {};
}

result<void> offline_cpu(guest& vm, std::uint32_t cpu) {
    wire::OfflineCPURequest request;
    request.set_cpu_id(cpu);
    auto done = vm.run(vm.system().OfflineCPU(request, guest::limit));
    if (!done) return done.error();
    return {};
}

result<void> online_memory(guest& vm, std::uint32_t block) {
    wire::OnlineMemoryRequest request;
    request.set_memory_id(block);
    auto done = vm.run(vm.system().OnlineMemory(request, guest::limit));
    if (!done) return done.error();
    return {};
}

awaitable<result<google::protobuf::Empty>> offline_memory(guest& vm, std::uint32_t block) {
    wire::OfflineMemoryRequest request;
    request.set_memory_id(block);
    return vm.system().OfflineMemory(std::move(request), guest::limit);
}

/// Whether block 32 is being taken offline; nothing else may keep it from it.
bool is_under_way(guest& vm) {
    auto again = vm.run(offline_memory(vm, 32));
    REQUIRE_FALSE(again);
    return again.error().message().find("memory block 32: another operation is under way") == 0;
}

/// A container that has pinned some of its memory; its id.
std::string run_pinning(guest& vm) {
    container_wish wish(std::vector<std::string>{"/bin/worker", "pin"});
    wish.id = guest::fresh_id();
    named_stream out(vm);
    REQUIRE(vm.create(wish, stdio_uris("", out.uri, "")));
    REQUIRE(vm.start(wish.id));
    std::string full(5, '\0');
    REQUIRE(vm.run(asio::async_read(out.socket, asio::buffer(full), use_awaitable)) == 5);
    return wish.id;
}

std::string online_cpus(guest& vm) { return vm.look_inside("cat /sys/devices/system/cpu/online"); }

std::uint64_t total_memory(guest& vm) {
    return std::stoull(vm.look_inside("sed -n 's/MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"));
}

}  // namespace

TEST_CASE("a processor that is plugged in works after OnlineCPU, and can be taken offline", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    REQUIRE(online_cpus(vm) == "0-1\n");
    plug_in_cpu(virtual_machine::equipped_directory());
    REQUIRE(online_cpu(vm, 2));
    CHECK(online_cpus(vm) == "0-2\n");
    CHECK(online_cpu(vm, 2));
    REQUIRE(offline_cpu(vm, 2));
    CHECK(offline_cpu(vm, 2));
    CHECK(online_cpus(vm) == "0-1\n");
    CHECK(online_cpu(vm, 0));
    CHECK(offline_cpu(vm, 0).error().message() == "cpu 0 cannot be offlined (boot processor): invalid argument");
    CHECK(offline_cpu(vm, 9).error().message() == "cpu 9 not present: not found");
    CHECK(online_cpu(vm, 9).error().message().find("cpu 9: timeout waiting for /sys/devices/system/cpu/cpu9/online") == 0);
}

TEST_CASE("memory that is plugged in is there after OnlineMemory, whatever its number", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    auto before = total_memory(vm);
    plug_in_memory(virtual_machine::equipped_directory(), std::uint64_t{128} << 20);
    // Block 32 begins at 4 GiB, where QEMU puts it; the call waits until the kernel has made it.
    REQUIRE(online_memory(vm, 32));
    // The slot's number, as hosts have it: names boot memory, and onlines what is offline.
    CHECK(online_memory(vm, 0));
    CHECK(vm.look_inside("cat /sys/devices/system/memory/memory32/state") == "online\n");
    CHECK(total_memory(vm) >= before + 128 * 1024 - 1024);
    CHECK(online_memory(vm, 4000).error().message().find("memory block 4000: timeout waiting for") == 0);
    auto missing = vm.run(offline_memory(vm, 4000));
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message() == "memory block 4000 not present: not found");
}

TEST_CASE("memory that the machine booted with is not taken offline", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    auto refused = vm.run(offline_memory(vm, 1));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() ==
          "memory block 1 belongs to the memory the machine booted with: failed precondition");
}

TEST_CASE("memory that cannot be taken offline holds up nobody, and is given up", "[vm]") {
    // What is plugged in is for memory that can be moved alone, and such memory is taken from there first.
    virtual_machine machine({"--max-memory", "2G", "--append", "memory_hotplug.online_policy=auto-movable"});
    guest vm(machine.address());
    plug_in_memory(machine.directory(), std::uint64_t{128} << 20);
    REQUIRE(online_memory(vm, 32));
    CHECK(vm.look_inside("cat /sys/devices/system/memory/memory32/valid_zones") == "Movable\n");
    auto pinning = run_pinning(vm);

    pending<google::protobuf::Empty> first, last;
    task_group tasks(vm.ex(), vm.log());
    tasks.spawn("offline", keep(offline_memory(vm, 32), first));
    CHECK(is_under_way(vm));
    await_named_jobs(vm, {"hotplug job \"memory block 32\""});
    CHECK(is_under_way(vm));
    CHECK(vm.state(pinning));
    CHECK(vm.run_container(container_wish("echo others go on; exit 4")).status == 4);
    CHECK_FALSE(first);
    vm.pump([&] { return first.has_value(); });
    REQUIRE_FALSE(*first);
    CHECK(first->error().kind() == errc::deadline_exceeded);
    CHECK(vm.look_inside("cat /sys/devices/system/memory/memory32/state") == "online\n");

    // It can be tried again; and the VM ends meanwhile.
    tasks.spawn("offline", keep(offline_memory(vm, 32), last));
    CHECK(is_under_way(vm));
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
    machine.check_no_panic();
    vm.pump([&] { return last.has_value(); });
    vm.run(tasks.join());
}
