// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/mount.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "support/temporary_directory.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/mount_table.hpp"

using namespace vminit;
using namespace vminit::system;
namespace fs = std::filesystem;

namespace {

bool is_mount_point(const std::string& path) {
    auto table = read_mount_table().value();
    return std::any_of(table.begin(), table.end(), [&](const auto& mount) { return mount.mount_point == path; });
}

// Leaves nothing mounted behind when a check fails.
struct mount_fixture {
    ~mount_fixture() {
        syscalls::set_fault_hook(nullptr);
        auto table = read_mount_table().value();
        for (auto mount = table.rbegin(); mount != table.rend(); ++mount) {
            if (is_beneath(mount->mount_point, directory.path())) ::umount2(mount->mount_point.c_str(), MNT_DETACH);
        }
    }

    std::string make(const std::string& name) {
        fs::create_directories(directory.path(name));
        return directory.path(name);
    }

    test::temporary_directory directory;
};

}  // namespace

TEST_CASE_METHOD(mount_fixture, "a refused mount names the mount point", "[mount]") {
    syscalls::set_fault_hook([](std::string_view name) { return name == "mount" ? EACCES : 0; });
    auto mounted = mount_filesystem(mount_entry("tmpfs", "tmpfs", "", {"ro"}), "/run/x");
    REQUIRE_FALSE(mounted);
    CHECK(mounted.error().message() == "mount /run/x: Permission denied");
}

TEST_CASE_METHOD(mount_fixture, "options that do not fit a page are refused, not cut", "[mount]") {
    auto mounted = mount_filesystem(mount_entry("tmpfs", "tmpfs", "", {"x=" + std::string(5000, 'x')}), "/run/x");
    REQUIRE_FALSE(mounted);
    CHECK(mounted.error().message() == "mount options is too long");
}

TEST_CASE_METHOD(mount_fixture, "unmounting what is not mounted or not there is success", "[mount]") {
    CHECK(unmount_filesystem(directory.path("missing"), unmount_mode::normal));
    syscalls::set_fault_hook([](std::string_view name) { return name == "unmount" ? EINVAL : 0; });
    CHECK(unmount_filesystem(directory.path(), unmount_mode::lazy));
    CHECK(unmount_all(directory.path(), unmount_mode::lazy));
    syscalls::set_fault_hook([](std::string_view name) { return name == "unmount" ? EBUSY : 0; });
    auto busy = unmount_filesystem(directory.path(), unmount_mode::normal);
    REQUIRE_FALSE(busy);
    CHECK(busy.error().message() == "unmount " + directory.path() + ": Device or resource busy");
    CHECK(unmount_all(directory.path(), unmount_mode::lazy).error() == busy.error());
}

TEST_CASE_METHOD(mount_fixture, "a loop mount without a loop driver says what is missing", "[mount]") {
    std::ofstream(directory.path("image")) << "x";
    syscalls::set_fault_hook(
        [](std::string_view name) { return name == "LOOP_CTL_GET_FREE" || name == "open" ? ENOENT : 0; });
    auto mounted = mount_filesystem(mount_entry("ext4", directory.path("image"), "", {"loop"}), directory.path());
    REQUIRE_FALSE(mounted);
    CHECK(mounted.error().kind() == errc::not_found);
}

TEST_CASE_METHOD(mount_fixture, "flags and data reach the kernel", "[.][privileged]") {
    auto point = make("point");
    auto mounted =
        mount_filesystem(mount_entry("tmpfs", "tmpfs", "", {"nosuid", "noexec", "mode=0711", "size=64k"}), point);
    REQUIRE(mounted);
    CHECK(*mounted == point);
    struct statvfs facts{};
    REQUIRE(::statvfs(point.c_str(), &facts) == 0);
    CHECK((facts.f_flag & (ST_NOSUID | ST_NOEXEC | ST_NODEV)) == (ST_NOSUID | ST_NOEXEC));
    CHECK(facts.f_blocks * facts.f_frsize == 65536);
    struct stat status{};
    REQUIRE(::stat(point.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0711);
    CHECK(unmount_filesystem(point, unmount_mode::normal));
    CHECK_FALSE(is_mount_point(point));
}

TEST_CASE_METHOD(mount_fixture, "a read-only bind is read-only", "[.][privileged]") {
    auto source = make("source");
    auto point = make("point");
    REQUIRE(mount_filesystem(mount_entry("bind", source, "", {"rbind", "ro"}), point));
    CHECK(::mkdir((point + "/x").c_str(), 0755) == -1);
    CHECK(::mkdir((source + "/x").c_str(), 0755) == 0);
}

TEST_CASE_METHOD(mount_fixture, "a bind that cannot be made read-only is taken away again", "[.][privileged]") {
    auto source = make("source");
    auto point = make("point");
    static int calls;
    calls = 0;
    syscalls::set_fault_hook([](std::string_view name) { return name == "mount" && ++calls == 2 ? EPERM : 0; });
    CHECK_FALSE(mount_filesystem(mount_entry("bind", source, "", {"bind", "ro"}), point));
    syscalls::set_fault_hook(nullptr);
    CHECK_FALSE(is_mount_point(point));
}

TEST_CASE_METHOD(mount_fixture, "a sub-path is resolved below the mount point and cannot leave it", "[.][privileged]") {
    auto base = make("base/inner");
    auto outside = make("outside");
    base = directory.path("base");
    fs::create_symlink(outside, base + "/link");
    fs::create_symlink("inner", base + "/good");
    mount_entry entry("tmpfs", "tmpfs", "/inner", {});
    CHECK(mount_filesystem(entry, base).value() == base + "/inner");
    REQUIRE(unmount_filesystem(base + "/inner", unmount_mode::normal));
    entry.target = "good";
    CHECK(mount_filesystem(entry, base).value() == base + "/inner");
    REQUIRE(unmount_filesystem(base + "/inner", unmount_mode::normal));
    // Links are read as if the mount point were the root: these two lead nowhere.
    entry.target = "link";
    CHECK(mount_filesystem(entry, base).error().kind() == errc::not_found);
    entry.target = "../outside";
    CHECK(mount_filesystem(entry, base).error().kind() == errc::not_found);
    CHECK_FALSE(is_mount_point(outside));
}

TEST_CASE_METHOD(mount_fixture, "an overlay of more layers than a page of options holds is mounted",
                 "[.][privileged]") {
    // In a user namespace of this kernel overlay needs a writable tmpfs for its own directories.
    auto base = make("run/bundles/" + std::string(60, 'c') + "/mounts");
    REQUIRE(mount_filesystem(mount_entry("tmpfs", "tmpfs", "", {}), base));
    std::string lower = "lowerdir=";
    for (int layer = 0; layer < 50; ++layer) {
        auto path = base + "/" + std::to_string(layer);
        fs::create_directory(path);
        std::ofstream(path + "/file" + std::to_string(layer)) << "x";
        lower += (layer == 0 ? "" : ":") + path;
    }
    REQUIRE(lower.size() > 4096);
    fs::create_directory(base + "/upper");
    fs::create_directory(base + "/work");
    auto point = make("point");
    auto working_directory = fs::current_path();
    mount_entry entry("overlay", "overlay", "", {lower, "upperdir=" + base + "/upper", "workdir=" + base + "/work"});
    auto mounted = mount_filesystem(entry, point);
    REQUIRE(mounted);
    CHECK(fs::exists(point + "/file0"));
    CHECK(fs::exists(point + "/file49"));
    CHECK(fs::current_path() == working_directory);
}

TEST_CASE_METHOD(mount_fixture, "an id-mapped mount replaces the plain one", "[.][privileged]") {
    auto point = make("point");
    mount_entry entry("tmpfs", "tmpfs", "", {"uidmap=0:0:1", "gidmap=0:0:1", "mode=0755"});
    auto mounted = mount_filesystem(entry, point);
    REQUIRE(mounted);
    auto table = read_mount_table().value();
    auto is_it = [&](const auto& mount) { return mount.mount_point == point; };
    CHECK(std::count_if(table.begin(), table.end(), is_it) == 1);
    CHECK(std::find_if(table.begin(), table.end(), is_it)->has_option("idmapped"));
    CHECK(unmount_filesystem(point, unmount_mode::normal));
    CHECK_FALSE(is_mount_point(point));
}

TEST_CASE_METHOD(mount_fixture, "a bad id map leaves nothing mounted", "[.][privileged]") {
    auto point = make("point");
    auto map = GENERATE("0:0", "0:0:", "a:0:1", "0:0:1,", "0:0:1:2", ":0:1");
    mount_entry entry("tmpfs", "tmpfs", "", {std::string("uidmap=") + map, "gidmap=0:0:1"});
    auto mounted = mount_filesystem(entry, point);
    REQUIRE_FALSE(mounted);
    CHECK(mounted.error().message() == "bad id map \"" + std::string(map) + "\": invalid argument");
    CHECK_FALSE(is_mount_point(point));
}
