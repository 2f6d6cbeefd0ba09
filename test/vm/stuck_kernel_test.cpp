// SPDX-License-Identifier: Apache-2.0
// System calls that do not come to an end cost those who made them, and nobody else.
#include <catch2/catch.hpp>
#include <csignal>

#include "guest.hpp"
#include "stuck_calls.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/task_group.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

using options = std::vector<std::string>;
using system::mount_entry;

/// The disk `data` once more, with a directory to be made on it.
std::vector<mount_entry> layers_over_data(const std::string& name) {
    return {mount_entry("erofs", "serial:root", "", options{"ro"}), mount_entry("ext4", "serial:data", "", options{}),
            mount_entry("format/mkdir/overlay", "overlay", "",
                        options{"lowerdir={{ mount 0 }}", "upperdir={{ mount 1 }}/" + name,
                                "workdir={{ mount 1 }}/" + name + ".work",
                                "X-containerd.mkdir.path={{ mount 1 }}/" + name,
                                "X-containerd.mkdir.path={{ mount 1 }}/" + name + ".work"})};
}

container_wish wish_on_data(const char* script) {
    container_wish wish(script);
    wish.id = guest::fresh_id();
    wish.rootfs = layers_over_data(wish.id);
    return wish;
}

/// A guest whose agent writes numbered lines to a log on an ext4 disk at /var/log.
options with_diarist(const temporary_directory& directory) {
    auto extras = directory.path("extras");
    run_vm_script("make-extras", {"-o", extras, "diarist"});
    auto data = run_vm_script("make-rootfs", {"--type", "ext4", "--empty", "--size", "32"});
    auto initrd = directory.path("initrd");
    run_vm_script("make-initrd", {"-o", initrd, "--modules",
                                  "virtio_pci,vmw_vsock_virtio_transport,virtio_blk,erofs,overlay", VMINIT_VM_INIT});
    return {"--initrd", initrd, "--disk", extras + ":extras:ro", "--disk", data + ":data:snapshot", "--append",
            "spin.extras_disk=1"};
}

/// The layers with their states, but for `core`, which names what hangs. Emulation may be too slow for a look at the
/// runtime.
std::string health_beside_core(guest& vm) {
    auto health = vm.run(vm.system().Health({}, guest::limit));
    REQUIRE(health);
    std::string states;
    for (const auto& layer : health->layers()) {
        if (layer.name() == "core") continue;
        bool is_slow = layer.text().find("not enough to look") != std::string::npos;
        states += layer.name() + ": " + (is_slow ? "" : layer.text()) + "\n";
    }
    return states;
}

constexpr const char* diary = "/proc/1/root/var/log/spin-supervisor.log";

/// The number of the diary's last line, once it is above `seen`; fails the test if one is missing.
int last_line(guest& vm, int seen) {
    auto script = R"(until [ "$(tail -n1 )" + std::string(diary) + " | cut -d' ' -f2)\" -gt " + std::to_string(seen) +
                  " ] 2>/dev/null; do usleep 10000; done; cat " + diary +
                  " | awk '$2 != NR { bad = 1 } END { print bad ? \"lost\" : NR }'";
    auto text = vm.look_inside(script);
    CAPTURE(text);
    REQUIRE(text != "lost\n");
    return std::stoi(text);
}

}  // namespace

TEST_CASE("what sleeps on a frozen ext4 keeps neither the thaw nor others waiting, and loses nothing", "[vm]") {
    bool is_asked = GENERATE(true, false);
    temporary_directory directory;
    auto settings = with_diarist(directory);
    if (!is_asked) settings.insert(settings.end(), {"--args", "-thaw-limit=30"});
    virtual_machine machine(settings);
    guest vm(machine.address());
    auto sleeper = vm.run_sleeper();
    auto before = last_line(vm, 0);
    auto frozen = vm.run(vm.system().FreezeFilesystems({}, guest::limit));
    REQUIRE(frozen);
    CHECK(options(frozen->frozen().begin(), frozen->frozen().end()) == options{"/var/log"});

    auto first = wish_on_data("echo kept >/file; cat /file");
    auto second = wish_on_data("exit 3");
    pending<std::uint32_t> created_first, created_second, started;
    REQUIRE(vm.exec(sleeper, "noisy", exec_wish("echo written"), stdio_uris("", "file:///var/log/noisy/out", "")));
    task_group tasks(vm.ex(), vm.log());
    tasks.spawn("create", keep(vm.calls().create(first, {}), created_first));
    tasks.spawn("create", keep(vm.calls().create(second, {}), created_second));
    tasks.spawn("start", keep(vm.calls().start(process_key(sleeper, "noisy")), started));
    await_named_jobs(vm, {"mounts job \"mount", "files job \"open /var/log/noisy/out\"", "files job \"log of"});
    CHECK(vm.run_container(container_wish("echo others go on")).out == "others go on\n");
    CHECK_FALSE(created_first);
    CHECK_FALSE(started);

    if (is_asked) CHECK(vm.run(vm.system().ThawFilesystems({}, guest::limit)));
    vm.pump([&] { return created_first && created_second && started; });
    CHECK((machine.console().find("filesystems frozen too long") != std::string::npos) == !is_asked);
    REQUIRE(*created_first);
    REQUIRE(*created_second);
    REQUIRE(*started);
    CHECK(vm.wait(sleeper, "noisy")->exit_status() == 0);
    CHECK(vm.look_inside("cat /proc/1/root/var/log/noisy/out") == "written\n");
    REQUIRE(vm.start(first.id));
    REQUIRE(vm.start(second.id));
    CHECK(vm.wait(first.id)->exit_status() == 0);
    CHECK(vm.wait(second.id)->exit_status() == 3);
    CHECK(vm.remove(first.id));
    CHECK(vm.remove(second.id));
    vm.kill_and_remove(sleeper);
    CHECK(last_line(vm, before + 20) > before);
    vm.run(tasks.join());
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
}

TEST_CASE("a disk that stalls under one container leaves the others as they were", "[vm]") {
    auto data = run_vm_script("make-rootfs", {"--type", "ext4", "--empty", "--size", "64"});
    virtual_machine machine({"--disk", data + ":data:snapshot"});
    guest vm(machine.address());
    auto writer = wish_on_data("dd if=/dev/zero of=/big bs=64k count=200 2>/dev/null");
    REQUIRE(vm.create(writer));
    container_wish waiting("exit 5");
    waiting.id = guest::fresh_id();
    REQUIRE(vm.create(waiting));
    REQUIRE(vm.start(writer.id));
    CHECK(vm.wait(writer.id)->exit_status() == 0);
    auto before = health_beside_core(vm);
    // One byte a second: what is not on the disk by now will not get there.
    constexpr const char* limit_format = R"({"device":"disk1","bps":%,"bps_rd":0,"bps_wr":0,"iops":0,"iops_rd":0,"iops_wr":0})";
    auto throttle = [&](const std::string& bytes) {
        std::string arguments = limit_format;
        arguments.replace(arguments.find('%'), 1, bytes);
        qmp(machine.directory(), "block_set_io_throttle", arguments);
    };
    throttle("1");
    pending<task::DeleteResponse> removed;
    task_group tasks(vm.ex(), vm.log());
    tasks.spawn("delete", keep(vm.calls().remove(process_key(writer.id, "")), removed));
    await_named_jobs(vm, {"mounts job \"umount"});
    REQUIRE(vm.start(waiting.id));
    CHECK(vm.wait(waiting.id)->exit_status() == 5);
    CHECK(vm.remove(waiting.id));
    CHECK(vm.run_container(container_wish("echo others go on")).out == "others go on\n");
    CHECK(vm.run(vm.system().Metrics({}, guest::limit)));
    CHECK(health_beside_core(vm) == before);
    CHECK_FALSE(removed);
    throttle("0");
    vm.pump([&] { return removed.has_value(); });
    // It may have had its minute by then; asked again it is done.
    if (!*removed) CHECK(vm.remove(writer.id));
    vm.run(tasks.join());
}
