// SPDX-License-Identifier: Apache-2.0
#include "mount_option.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::vminitctl;
using system::mount_entry;

TEST_CASE("a mount is read from key=value pairs", "[vminitctl]") {
    CHECK(parse_mount("type=tmpfs,target=/t,options=size=16m:mode=0700").value() ==
          mount_entry("tmpfs", "tmpfs", "/t", {"size=16m", "mode=0700"}));
    CHECK(parse_mount("source=/a,target=/b").value() == mount_entry("bind", "/a", "/b", {"rbind"}));
    CHECK(parse_mount("src=/a,dst=/b,ro,options=noexec").value() ==
          mount_entry("bind", "/a", "/b", {"rbind", "noexec", "ro"}));
    CHECK(parse_mount("type=erofs,source=/dev/vdb,destination=/d,readonly").value() ==
          mount_entry("erofs", "/dev/vdb", "/d", {"ro"}));
}

TEST_CASE("a bad mount says what is wrong with it", "[vminitctl]") {
    struct row {
        const char* text;
        const char* why;
    };
    auto [text, why] = GENERATE(values<row>({{"", "\"\" is not key=value"},
                                             {"target=/b,rw", "\"rw\" is not key=value"},
                                             {"source=/a,target=b", "the target must be an absolute path"},
                                             {"source=/a", "the target must be an absolute path"},
                                             {"target=/b", "the source of a bind must be an absolute path"},
                                             {"source=a,target=/b", "the source of a bind must be an absolute path"},
                                             {"colour=red,target=/b", "unknown key \"colour\""},
                                             {"type=,target=/b", "type is empty"}}));
    auto mount = parse_mount(text);
    REQUIRE_FALSE(mount);
    CHECK(mount.error().kind() == errc::invalid_argument);
    CHECK(mount.error().context() == "mount \"" + std::string(text) + "\": " + why);
}

TEST_CASE("a disk becomes a read-only filesystem under a writable overlay", "[vminitctl]") {
    auto mounts = rootfs_mounts("root", "erofs").value();
    REQUIRE(mounts.size() == 3);
    CHECK(mounts[0] == mount_entry("erofs", "serial:root", "", {"ro"}));
    CHECK(mounts[1] == mount_entry("tmpfs", "tmpfs", "", {"mode=0755"}));
    CHECK(mounts[2].type == "format/mkdir/overlay");
    CHECK(mounts[2].source == "overlay");
    CHECK(mounts[2].options == std::vector<std::string>{"lowerdir={{ overlay 0 0 }}", "upperdir={{ mount 1 }}/upper",
                                                        "workdir={{ mount 1 }}/work",
                                                        "X-containerd.mkdir.path={{ mount 1 }}/upper:0755",
                                                        "X-containerd.mkdir.path={{ mount 1 }}/work:0755"});
    CHECK(rootfs_mounts("serial:root", "ext4").value()[0] == mount_entry("ext4", "serial:root", "", {"ro"}));
}

TEST_CASE("a disk can be named by its device", "[vminitctl]") {
    auto mounts = rootfs_mounts("/dev/vdb", "ext4").value();
    REQUIRE(mounts.size() == 3);
    CHECK(mounts[0] == mount_entry("ext4", "/dev/vdb", "", {"ro"}));
    CHECK(mounts[2].type == "format/mkdir/overlay");
}

TEST_CASE("a directory is bound", "[vminitctl]") {
    auto mounts = rootfs_mounts("/srv/root", "erofs").value();
    REQUIRE(mounts.size() == 1);
    CHECK(mounts[0] == mount_entry("bind", "/srv/root", "", {"rbind", "rw"}));
}

TEST_CASE("what is neither a path nor a serial number is refused", "[vminitctl]") {
    auto bad = GENERATE("", "a/b", "./root", "serial:", "123456789012345678901");
    CHECK(rootfs_mounts(bad, "erofs").error().kind() == errc::invalid_argument);
}

TEST_CASE("a volume is a path of the guest", "[vminitctl]") {
    CHECK(parse_volume("/a:/b").value() == mount_entry("bind", "/a", "/b", {"rbind", "rw"}));
    CHECK(parse_volume("/a:/b:ro").value() == mount_entry("bind", "/a", "/b", {"rbind", "ro"}));
    auto bad = GENERATE("", "/a", "data:/b", "./a:/b", "/a:b", "/a:/b:rx", "/a:/b:ro:z");
    CHECK(parse_volume(bad).error().kind() == errc::invalid_argument);
    CHECK(parse_volume("data:/b").error().context().find("not an absolute path of the guest") != std::string::npos);
}

TEST_CASE("a tmpfs has docker's options unless others are given", "[vminitctl]") {
    CHECK(parse_tmpfs("/t").value() == mount_entry("tmpfs", "tmpfs", "/t", {"nosuid", "nodev", "noexec"}));
    CHECK(parse_tmpfs("/t:size=1m,exec").value() ==
          mount_entry("tmpfs", "tmpfs", "/t", {"nosuid", "nodev", "noexec", "size=1m", "exec"}));
    CHECK(parse_tmpfs("t").error().kind() == errc::invalid_argument);
    CHECK(parse_tmpfs("/t:").error().kind() == errc::invalid_argument);
}
