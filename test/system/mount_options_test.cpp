// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/mount_options.hpp"

#include <sys/mount.h>

#include <catch2/catch.hpp>

using namespace vminit::system;

TEST_CASE("fstab options become flags and data", "[mount]") {
    auto options = parse_mount_options({"ro", "nosuid", "nodev", "noexec", "size=64k", "mode=0755", "relatime"});
    CHECK(options.flags == (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME));
    CHECK(options.data == "size=64k,mode=0755");
    CHECK_FALSE(options.wants_loop);
}

TEST_CASE("each flag option sets or clears its flag", "[mount]") {
    struct row {
        const char* sets;
        const char* clears;
        unsigned long flag;
    };
    auto [sets, clears, flag] = GENERATE(
        row{"ro", "rw", MS_RDONLY}, row{"nosuid", "suid", MS_NOSUID}, row{"nodev", "dev", MS_NODEV},
        row{"noexec", "exec", MS_NOEXEC}, row{"sync", "async", MS_SYNCHRONOUS}, row{"mand", "nomand", MS_MANDLOCK},
        row{"noatime", "atime", MS_NOATIME}, row{"nodiratime", "diratime", MS_NODIRATIME},
        row{"relatime", "norelatime", MS_RELATIME}, row{"strictatime", "nostrictatime", MS_STRICTATIME},
        row{"dirsync", "defaults", MS_DIRSYNC}, row{"bind", "defaults", MS_BIND},
        row{"rbind", "defaults", MS_BIND | MS_REC}, row{"remount", "defaults", MS_REMOUNT});
    CAPTURE(sets);
    CHECK(parse_mount_options({sets}).flags == flag);
    CHECK(parse_mount_options({sets}).data.empty());
    bool is_plain = std::string(clears) == "defaults";
    CHECK(parse_mount_options({sets, clears}).flags == (is_plain ? flag : 0));
    CHECK(parse_mount_options({clears, sets}).flags == flag);
}

TEST_CASE("loop and id maps are not data", "[mount]") {
    auto options =
        parse_mount_options({"loop", "direct-io", "uidmap=0:1000:10", "gidmap=0:2000:10", "errors=continue"});
    CHECK(options.wants_loop);
    CHECK(options.direct_io);
    CHECK(options.uid_map == "0:1000:10");
    CHECK(options.gid_map == "0:2000:10");
    CHECK(options.data == "errors=continue");
    CHECK(options.flags == 0);
}

TEST_CASE("unknown options, containerd's own among them, stay data for the kernel to refuse", "[mount]") {
    CHECK(parse_mount_options({"X-containerd.mkdir.path=/x", "shared"}).data == "X-containerd.mkdir.path=/x,shared");
}

TEST_CASE("long overlay options get relative to the lowerdirs' parent", "[mount]") {
    std::string data = "lowerdir=/run/bundles/c/mounts/0:/run/bundles/c/mounts/1,upperdir=/run/u,workdir=/run/w";
    auto compacted = compact_overlay_options(data, data.size() + 512);
    CHECK(compacted.working_directory == "/run/bundles/c/mounts/");
    CHECK(compacted.data == "lowerdir=0:1,upperdir=/run/u,workdir=/run/w");

    auto short_enough = compact_overlay_options(data, data.size() + 513);
    CHECK(short_enough.working_directory.empty());
    CHECK(short_enough.data == data);
}

TEST_CASE("overlay options that cannot be shortened are left alone", "[mount]") {
    auto data = GENERATE(as<std::string>{}, "lowerdir=/a:/b", "lowerdir=relative:/run/b", "upperdir=/u,workdir=/w",
                         "lowerdir=/run/a\\:b:/run/c");
    CAPTURE(data);
    auto compacted = compact_overlay_options(data, 1);
    CHECK(compacted.working_directory.empty());
    CHECK(compacted.data == data);
}
