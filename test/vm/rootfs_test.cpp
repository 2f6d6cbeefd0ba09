// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>

#include "observer.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

using system::mount_entry;
using options = std::vector<std::string>;

std::string layer_path() { return "/tmp/vminit-layer." + std::to_string(::getpid()); }

/// Disks beside `root`: a second layer with /layer-two in it, an empty ext4, an ext4 with a root file system, and one
/// with the image of such a one.
std::vector<std::string> with_disks() {
    auto layer = layer_path();
    auto* file = std::fopen(layer.c_str(), "w");
    REQUIRE(file != nullptr);
    std::fputs("of the second layer\n", file);
    std::fclose(file);
    auto second = run_vm_script("make-rootfs", {"--empty", "--add", layer + ":/layer-two", "-o", layer + ".erofs"});
    auto data = run_vm_script("make-rootfs", {"--type", "ext4", "--empty", "--size", "16"});
    auto writable = run_vm_script("make-rootfs", {"--type", "ext4"});
    ::unlink(layer.c_str());
    auto inner = run_vm_script("make-rootfs", {"--type", "ext4", "--size", "16"});
    auto outer = run_vm_script("make-rootfs", {"--type", "ext4", "--empty", "--add", inner + ":/inner.ext4"});
    return {"--disk", second + ":layer",
            "--disk", data + ":data:snapshot",
            "--disk", writable + ":writable:snapshot",
            "--disk", outer + ":outer:snapshot"};
}

finished run_with(guest& vm, std::vector<mount_entry> rootfs, const char* script) {
    container_wish wish(script);
    wish.rootfs = std::move(rootfs);
    return vm.run_container(wish);
}

std::vector<mount_entry> layers_over_ext4() {
    return {mount_entry("erofs", "serial:root", "", options{"ro"}),
            mount_entry("erofs", "serial:layer", "", options{"ro"}), mount_entry("ext4", "serial:data", "", options{}),
            mount_entry("format/mkdir/overlay", "overlay", "",
                        options{"lowerdir={{ overlay 1 0 }}", "upperdir={{ mount 2 }}/up/per",
                                "workdir={{ mount 2 }}/work", "X-containerd.mkdir.path={{ mount 2 }}/up/per:0711:7:8",
                                "X-containerd.mkdir.path={{ mount 2 }}/work"})};
}

}  // namespace

TEST_CASE("rootfs mounts of every kind, with the real kernel", "[vm]") {
    virtual_machine machine(with_disks());
    ::unlink((layer_path() + ".erofs").c_str());  // QEMU has it open
    guest vm(machine.address());
    observer eye(vm);
    auto before = eye.remains();

    // Two erofs layers and an ext4 for the upper one, put together by templates.
    auto first = run_with(vm, layers_over_ext4(), "cat /layer-two; echo kept >/written; stat -c '%a %u %g' /");
    CHECK(first.out == "of the second layer\n711 7 8\n");
    CHECK(first.err.empty());
    CHECK(eye.remains() == before);
    // What a container wrote is on the disk for the next.
    CHECK(run_with(vm, layers_over_ext4(), "cat /written").out == "kept\n");

    // A read-only bind of something writable, as it is in the VM: a runtime may mount the root once more.
    container_wish bound("true");
    bound.id = guest::fresh_id();
    bound.rootfs = {mount_entry("ext4", "serial:writable", "", options{"rw"}),
                    mount_entry("format/bind", "{{ mount 0 }}", "", options{"rbind", "ro"})};
    REQUIRE(vm.create(bound));
    auto options_of = [&](const std::string& place) {
        return eye.ask("sed -n 's|^[^ ]* /run/bundles/" + bound.id + place +
                       " ext4 \\([^,]*\\),.*|\\1|p' /proc/1/mounts");
    };
    CHECK(options_of("/mounts/0") == "rw");
    CHECK(options_of("/rootfs") == "ro");
    CHECK(vm.remove(bound.id));
    CHECK(eye.remains() == before);

    // Files of root belong to somebody else in an id-mapped mount.
    auto mapped = run_with(
        vm, {mount_entry("ext4", "serial:writable", "", options{"uidmap=0:100000:65536", "gidmap=0:200000:65536"})},
        "stat -c '%u %g' /bin/busybox");
    CHECK(mapped.out == "100000 200000\n");

    // A file on a disk by a loop device. Both are frozen and thawed, the inner one first, which has something to write.
    container_wish within("exec sleep 100000");
    within.id = guest::fresh_id();
    within.rootfs = {mount_entry("ext4", "serial:outer", "", options{"rw"}),
                     mount_entry("format/ext4", "{{ mount 0 }}/inner.ext4", "", options{"rw", "loop"})};
    REQUIRE(vm.create(within));
    REQUIRE(vm.start(within.id));
    CHECK(vm.run_exec(within.id, exec_wish("echo before >/file")).status == 0);
    auto frozen = vm.run(vm.system().FreezeFilesystems({}, guest::limit));
    REQUIRE(frozen);
    auto bundle = "/run/bundles/" + within.id;
    CHECK(options(frozen->frozen().begin(), frozen->frozen().end()) ==
          options{bundle + "/mounts/0", bundle + "/rootfs"});
    CHECK(vm.run(vm.system().ThawFilesystems({}, guest::limit)));
    CHECK(vm.run_exec(within.id, exec_wish("echo after >>/file; cat /file")).out == "before\nafter\n");
    vm.kill_and_remove(within.id);
    CHECK(eye.remains() == before);
    CHECK(eye.ask("cat /sys/block/loop0/loop/backing_file 2>/dev/null") == "");

    // A tmpfs alone cannot start a container, and a list that fails half-way leaves nothing mounted.
    container_wish broken("true");
    broken.id = guest::fresh_id();
    broken.rootfs = {mount_entry("erofs", "serial:root", "", options{"ro"}),
                     mount_entry("format/overlay", "overlay", "", options{"lowerdir={{ mount 7 }}"})};
    auto refused = vm.create(broken);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("index out of bounds: 7, has 1 active mounts") != std::string::npos);
    CHECK(vm.state(broken.id).error().kind() == errc::not_found);
    CHECK(eye.remains() == before);
    machine.check_no_panic();
}

TEST_CASE("pause, resume and checkpoint are refused as hosts of microVMs expect", "[vm]") {
    guest vm(virtual_machine::shared_address());
    auto id = vm.run_sleeper();
    task::PauseRequest pause;
    pause.set_id(id);
    task::ResumeRequest resume;
    resume.set_id(id);
    task::CheckpointTaskRequest checkpoint;
    checkpoint.set_id(id);
    auto tasks = vm.tasks();
    CHECK(vm.run(tasks.Pause(pause, guest::limit)).error().message() == "pause is not supported: not implemented");
    CHECK(vm.run(tasks.Resume(resume, guest::limit)).error().message() == "resume is not supported: not implemented");
    CHECK(vm.run(tasks.Checkpoint(checkpoint, guest::limit)).error().message() ==
          "checkpoint is not supported: not implemented");
    CHECK(vm.state(id)->status() == containerd::v1::types::RUNNING);
    vm.kill_and_remove(id);
}
