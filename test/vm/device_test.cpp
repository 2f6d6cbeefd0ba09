// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "guest.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::test;
namespace json = boost::json;

namespace {

container_wish on_disk(std::string source, std::vector<std::string> arguments) {
    container_wish wish(std::move(arguments));
    wish.rootfs.emplace_back("erofs", std::move(source), "", std::vector<std::string>{"ro"});
    return wish;
}

awaitable<void> create_into(guest& vm, task::CreateTaskRequest request,
                            std::optional<result<task::CreateTaskResponse>>& outcome) {
    auto client = vm.tasks();
    auto created = co_await client.Create(request, guest::limit);
    outcome.emplace(std::move(created));
}

void plug_in_disk(const std::string& directory, const std::string& serial) {
    json::object file{{"driver", "file"}, {"filename", run_vm_script("make-rootfs", {})}, {"read-only", true}};
    json::object node{{"driver", "raw"}, {"node-name", serial}, {"read-only", true}, {"file", file}};
    qmp(directory, "blockdev-add", json::serialize(node));
    json::object device{{"driver", "virtio-blk-pci"}, {"id", serial}, {"drive", serial}, {"serial", serial}, {"bus", "port0"}};
    qmp(directory, "device_add", json::serialize(device));
}

}  // namespace

TEST_CASE("the extras disk's files are in place, and nothing else of it", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    // The marker is written last.
    auto seen = vm.look_inside(R"(cd /proc/1/root/run/spin-stack; until [ -e .extras-extracted ]; do :; done
        cat .extras-extracted; stat -c '%n %a %F' spin-supervisor busybox tree cleaned; cat cleaned deep/*/*
        ls -d link zero relative escape /proc/1/root/relative /proc/1/root/escape /proc/1/root/run/escape 2>/dev/null
        stat -c %a .extras-extracted; find . -name '*.tmp')");
    CHECK(seen ==
          "done\n"
          "spin-supervisor 755 regular file\nbusybox 755 regular file\ntree 750 directory\ncleaned 600 regular file\n"
          "clean\nlong\n"
          "644\n");
    auto timeline = vm.run(vm.system().BootTimeline({}, guest::limit));
    REQUIRE(timeline);
    std::string text;
    for (const auto& step : timeline->steps()) {
        if (step.name() == "extras-extract") text = step.text();
    }
    CHECK(text == "skipped 4, first relative");
}

TEST_CASE("a partition is a disk to mount", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    auto name = vm.look_inside(R"sh(for d in /sys/block/*; do
        [ "$(cat $d/serial 2>/dev/null)" != parts ] || (cd $d && ls -d ${d##*/}1); done)sh");
    auto partition = name.substr(0, name.find('\n'));
    CHECK(vm.run_container(on_disk("/dev/" + partition, {"/bin/echo", "from", partition})).out ==
          "from " + partition + "\n");
}

TEST_CASE("Create waits for a disk by its serial number, and has it as soon as it is plugged in", "[vm]") {
    auto directory = virtual_machine::equipped_directory();
    guest vm(virtual_machine::equipped_address());
    auto wish = on_disk("serial:late", {"/bin/true"});
    wish.id = guest::fresh_id();
    auto request = vm.prepare(wish);
    REQUIRE(request);
    std::optional<result<task::CreateTaskResponse>> created;
    task_group tasks(vm.ex(), vm.log());
    tasks.spawn("create", create_into(vm, *request, created));
    // Answered after Create was begun: calls of one connection begin in order.
    REQUIRE(vm.run(vm.system().Info({}, guest::limit)));
    REQUIRE_FALSE(created);
    plug_in_disk(directory, "late");
    vm.pump([&] { return created.has_value(); });
    REQUIRE(*created);
    CHECK(vm.remove(wish.id));
}

TEST_CASE("a disk that does not come is an error that names its serial number", "[vm]") {
    guest vm(virtual_machine::equipped_address());
    auto wish = on_disk("serial:none", {"/bin/true"});
    wish.id = guest::fresh_id();
    auto created = vm.create(wish);
    REQUIRE_FALSE(created);
    CHECK(created.error().message().find("resolve block device by serial \"none\"") != std::string::npos);
}
