// SPDX-License-Identifier: Apache-2.0
#include "rootfs_plan.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::shim;
using system::mount_entry;
using mounts = std::vector<mount_entry>;
using options = std::vector<std::string>;
using vmm::disk_access;

namespace {

rootfs_choices choices() {
    rootfs_choices made;
    made.name = "rootfs-7";
    made.image = "/run/vm/rootfs-7.erofs";
    return made;
}

rootfs_plan planned(const mounts& given, const rootfs_choices& how = choices()) {
    auto plan = plan_rootfs(given, how);
    REQUIRE(plan);
    return std::move(*plan);
}

mount_entry overlay(std::string type, options given) { return {std::move(type), "overlay", "", std::move(given)}; }

// What the snapshotters of containerd hand over.
const mounts of_overlayfs{overlay("overlay", {"workdir=/s/2/work", "upperdir=/s/2/fs", "lowerdir=/s/1/fs"})};
const mount_entry layer("erofs", "/s/1/layer.erofs", "", {"ro", "loop"});

const options scratch_options{"upperdir={{ mount 1 }}/upper", "workdir={{ mount 1 }}/work",
                              "X-containerd.mkdir.path={{ mount 1 }}/upper:0755",
                              "X-containerd.mkdir.path={{ mount 1 }}/work:0755"};

options with(options first, const options& rest) {
    first.insert(first.end(), rest.begin(), rest.end());
    return first;
}

}  // namespace

TEST_CASE("an image is made of what only this machine can mount", "[shim]") {
    auto given = GENERATE(as<mounts>{}, of_overlayfs,
                          mounts{mount_entry("bind", "/s/1/fs", "", options{"rbind", "rw"})}, mounts());
    auto plan = planned(given);
    CHECK(plan.way == rootfs_way::image);
    REQUIRE(plan.disks.size() == 1);
    CHECK(plan.disks[0].file == "/run/vm/rootfs-7.erofs");
    CHECK(plan.disks[0].access == disk_access::read_only);
    CHECK(plan.in_guest == mounts{{"erofs", "serial:rootfs-7", "", {"ro"}},
                                  {"tmpfs", "tmpfs", "", {"size=50%", "mode=0755"}},
                                  overlay("format/mkdir/overlay", with({"lowerdir={{ mount 0 }}"}, scratch_options))});
}

TEST_CASE("layers that are files are disks, with what is written in a scratch", "[shim]") {
    auto how = choices();
    how.scratch_mib = 64;
    how.share_tag = GENERATE("", "share");  // disks come first
    auto plan = planned(
        {layer, overlay("format/mkdir/overlay", {"workdir=/s/2/work", "upperdir=/s/2/fs", "lowerdir={{ mount 0 }}",
                                                 "X-containerd.mkdir.path=/s/2/fs:0755"})},
        how);
    CHECK(plan.way == rootfs_way::disks);
    REQUIRE(plan.disks.size() == 1);
    CHECK(plan.disks[0].file == "/s/1/layer.erofs");
    CHECK(plan.disks[0].serial == "rootfs-7-0");
    CHECK(plan.disks[0].access == disk_access::read_only);
    CHECK(plan.in_guest == mounts{{"erofs", "serial:rootfs-7-0", "", {"ro"}},
                                  {"tmpfs", "tmpfs", "", {"size=64m", "mode=0755"}},
                                  overlay("format/mkdir/overlay", with({"lowerdir={{ mount 0 }}"}, scratch_options))});
    CHECK(plan.remarks.size() == 1);
}

TEST_CASE("a file for what is written is a disk too, and the list stays as it is", "[shim]") {
    auto top = overlay("format/mkdir/overlay", {"X-containerd.mkdir.path={{ mount 0 }}/upper:0755",
                                                "upperdir={{ mount 0 }}/upper", "lowerdir={{ overlay 1 2 }}"});
    auto plan = planned({{"ext4", "/s/2/rwlayer.img", "", {"rw", "loop"}}, layer, layer, top});
    REQUIRE(plan.disks.size() == 3);
    CHECK(plan.disks[0].access == disk_access::read_write);
    CHECK(plan.disks[2].serial == "rootfs-7-2");
    CHECK(plan.in_guest == mounts{{"ext4", "serial:rootfs-7-0", "", {"rw"}},
                                  {"erofs", "serial:rootfs-7-1", "", {"ro"}},
                                  {"erofs", "serial:rootfs-7-2", "", {"ro"}},
                                  top});
    CHECK(plan.remarks.empty());
}

TEST_CASE("a file that is all of the root is a disk", "[shim]") {
    auto plan = planned({{"ext4", "/s/1", "", {"loop"}}});
    CHECK(plan.in_guest == mounts{{"ext4", "serial:rootfs-7-0", "", {}}});
    CHECK(plan.disks[0].access == disk_access::read_write);
    CHECK(planned({{"ext4", "/s/1", "", {"ro"}}}).disks[0].access == disk_access::read_only);
}

TEST_CASE("a root is shared where that is wanted", "[shim]") {
    auto how = choices();
    how.share_tag = "share";
    auto plan = planned(of_overlayfs, how);
    CHECK(plan.way == rootfs_way::share);
    CHECK(plan.disks.empty());
    CHECK(plan.in_guest ==
          mounts{{"virtiofs", "share", "", {}}, {"format/bind", "{{ mount 0 }}/rootfs-7", "", {"rbind"}}});
    CHECK(share_place(plan.in_guest, "share") == "mounts/0");
}

TEST_CASE("a list that the guest cannot have is refused", "[shim]") {
    auto [given, part] = GENERATE(table<mounts, std::string>(
        {{{{"erofs", "/s/meta", "", {"ro", "device=/s/1"}}}, "several files"},
         {{layer, overlay("overlay", {"lowerdir=/s/1/fs"})}, "over a directory of the host"},
         {{layer, {"bind", "/s/1/fs", "", {}}}, "type bind among image files"},
         {{layer, {"format/btrfs", "{{ mount 0 }}", "", {}}}, "type format/btrfs among image files"}}));
    auto plan = plan_rootfs(given, choices());
    REQUIRE_FALSE(plan);
    CHECK(plan.error().kind() == errc::not_implemented);
    CHECK(plan.error().message().find(part) != std::string::npos);
}

TEST_CASE("the share is mounted once, before the last mount, so that no template's number changes", "[shim]") {
    auto plan = planned({layer, layer, overlay("format/overlay", {"lowerdir={{ overlay 0 1 }}"})});
    CHECK(share_place(plan.in_guest, "share").empty());
    add_share_mount(plan.in_guest, "share");
    add_share_mount(plan.in_guest, "share");
    REQUIRE(plan.in_guest.size() == 4);
    CHECK(share_place(plan.in_guest, "share") == "mounts/2");
    CHECK(plan.in_guest.back().type == "format/overlay");
}
