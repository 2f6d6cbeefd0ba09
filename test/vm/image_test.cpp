// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <filesystem>

#include "client_program.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit-image/image_maker.hpp"
#include "vminit/core/file.hpp"

#include "tool.hpp"

using namespace vminit;
using namespace vminit::test;

namespace {

void make(std::vector<std::string> words) {
    words.insert(words.begin(), VMINIT_IMAGE_TOOL);
    auto made = image::output_of(words);
    CAPTURE(made);
    REQUIRE(made);
}

// A kernel's directory of modules, as test/vm/boot uses that kernel.
std::string modules() {
    auto kernel = std::string(trimmed(run_vm_script("fetch-kernel", {})));
    return kernel + "/lib/modules/" + std::string(trimmed(read_file(kernel + "/release").value()));
}

// An image in two layers: busybox, and above it a shell by another name and a file of another user's.
void make_image(const std::string& layout) {
    auto busybox = file("bin/busybox", read_file("/bin/busybox", std::size_t{16} << 20).value());
    busybox.mode = 0755;
    auto owned = file("srv/words", "of the image");
    owned.mode = 0600;
    owned.uid = owned.gid = 1000;
    make_layout(
        layout,
        {{"box",
          "amd64",
          R"json({"config":{"Entrypoint":["/bin/sh","-c"],"Cmd":["echo $GREETING from $(id -u) in $(pwd): $(/bin/busybox cat words)"],
                              "Env":["PATH=/bin","GREETING=hello"],"WorkingDir":"/srv","User":"1000:1000"}})json",
          {{directory("bin"), busybox, soft_link("bin/wrong", "busybox")},
           {file("bin/.wh.wrong", ""), soft_link("bin/sh", "busybox"), soft_link("bin/id", "busybox"), directory("srv"),
            owned, directory("proc"), directory("sys"), directory("dev")}}}});
}

}  // namespace

TEST_CASE("an OCI image becomes a disk, and runs as it says itself, in a VM whose initrd is ours", "[vm]") {
    temporary_directory files;
    make({"initrd", "-o", files.path("initrd"), "--runtime", "/usr/bin/crun", "--kernel", modules(), VMINIT_VM_INIT});
    make_image(files.path("layout"));
    auto type = GENERATE(as<std::string>{}, "erofs", "ext4");
    make({"disk", "-q", "-o", files.path("box"), "--type", type, "--arch", "amd64", files.path("layout")});
    virtual_machine machine({"--initrd", files.path("initrd"), "--disk", files.path("box") + ":box:rw"});
    client_program runs(machine.address(),
                        {"run", "--rootfs", "box", "--rootfs-type", type, "--image-config", files.path("box.json")});
    CHECK(runs.rest() == "hello from 1000 in /srv: of the image\n");
    CHECK(runs.complaint().empty());
    CHECK(runs.wait() == 0);
    client_program again(machine.address(), {"run", "--rootfs", "/dev/vdb", "--rootfs-type", type, "--image-config",
                                             files.path("box.json"), "--", "ls /bin; exit 7"});
    CHECK(again.wait() == 7);
    machine.press_ctrl_alt_del();
    CHECK(machine.has_powered_off());
}
