// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/cleanup.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::system;
namespace fs = std::filesystem;

namespace {

void write(const std::string& path, const std::string& text = "x") {
    fs::create_directories(fs::path(path).parent_path());
    std::ofstream(path) << text;
}

// Bundles, a /tmp and a mount table of a test's own: the machine's are out of reach.
struct cleanup_fixture {
    cleanup_fixture() {
        options.bundles = directory.path("bundles");
        options.temporary = directory.path("tmp");
        options.mount_table = directory.path("mountinfo");
        fs::create_directories(options.bundles);
        fs::create_directories(options.temporary);
        write(options.mount_table, "");
    }

    void claim_mount(const std::string& point, const std::string& source = "tmpfs tmpfs") {
        std::ofstream(options.mount_table, std::ios::app) << "36 35 0:99 / " << point << " rw - " << source << " rw\n";
    }

    test::temporary_directory directory;
    cleanup_options options;
};

}  // namespace

TEST_CASE_METHOD(cleanup_fixture, "bundles and temporary files go, the directories stay", "[cleanup]") {
    write(options.bundles + "/a/config.json");
    write(options.bundles + "/b/rootfs/deep/down/file");
    write(options.temporary + "/x/y");
    write(options.temporary + "/z");
    auto report = clean_up(options);
    CHECK(report.problems.empty());
    CHECK(fs::is_empty(options.bundles));
    CHECK(fs::is_empty(options.temporary));
    CHECK(clean_up(options).problems.empty());
}

TEST_CASE_METHOD(cleanup_fixture, "missing directories are nothing to clean", "[cleanup]") {
    fs::remove(options.bundles);
    fs::remove(options.temporary);
    CHECK(clean_up(options).problems.empty());
}

TEST_CASE_METHOD(cleanup_fixture, "links are removed, what they point to is not", "[cleanup]") {
    write(directory.path("outside/keep"));
    fs::create_directory(options.bundles + "/a");
    fs::create_symlink(directory.path("outside"), options.bundles + "/a/link");
    fs::create_symlink(directory.path("outside"), options.bundles + "/entry");
    CHECK(clean_up(options).problems.empty());
    CHECK(fs::is_empty(options.bundles));
    CHECK(fs::exists(directory.path("outside/keep")));
}

TEST_CASE_METHOD(cleanup_fixture, "a bundle that the mount table says holds a mount is not touched", "[cleanup]") {
    write(options.bundles + "/a b/rootfs/layer");
    write(options.bundles + "/ab/rootfs/layer");
    claim_mount(options.bundles + "/a\\040b/rootfs");
    syscalls::set_fault_hook([](std::string_view name) { return name == "unmount" ? EPERM : 0; });
    auto report = clean_up(options);
    syscalls::set_fault_hook(nullptr);
    CHECK(report.problems ==
          std::vector<std::string>{"unmount " + options.bundles + "/a b/rootfs: Operation not permitted",
                                   "remove " + options.bundles + "/a b: still holds mounts"});
    CHECK(fs::exists(options.bundles + "/a b/rootfs/layer"));
    CHECK_FALSE(fs::exists(options.bundles + "/ab"));
}

TEST_CASE_METHOD(cleanup_fixture, "a disk is unmounted when it takes no more writes", "[cleanup]") {
    auto disk = options.bundles + "/a/disk";
    claim_mount(options.bundles + "/a");
    claim_mount(disk, "ext4 /dev/vda");
    claim_mount(disk + "/above");
    claim_mount(options.bundles + "/ab");
    static std::string calls;
    calls.clear();
    SECTION("first read-only, then unmounted") {
        syscalls::set_fault_hook([](std::string_view name) {
            if (name == "remount read-only" || name == "unmount") calls.append(name).append(" ");
            return name == "remount read-only" || name == "unmount" ? EINVAL : 0;
        });
        clean_up(options);
        CHECK(calls == "remount read-only unmount unmount unmount unmount ");
    }
    SECTION("one that stays busy is left to the last remount, with what leads to it") {
        syscalls::set_fault_hook([](std::string_view name) {
            if (name == "unmount") calls.append(name).append(" ");
            return name == "remount read-only" ? EBUSY : name == "unmount" ? EINVAL : 0;
        });
        auto report = clean_up(options);
        CHECK(calls == "unmount unmount ");
        REQUIRE_FALSE(report.problems.empty());
        CHECK(report.problems[0] == "remount read-only " + disk + ": Device or resource busy");
    }
    syscalls::set_fault_hook(nullptr);
}

TEST_CASE_METHOD(cleanup_fixture, "without a mount table no bundle is deleted", "[cleanup]") {
    write(options.bundles + "/a/rootfs/layer");
    fs::remove(options.mount_table);
    auto report = clean_up(options);
    CHECK(report.problems.size() == 2);
    CHECK(fs::exists(options.bundles + "/a/rootfs/layer"));
}

TEST_CASE("removal goes on past an error and tells the first", "[cleanup]") {
    test::temporary_directory directory;
    write(directory.path("tree/a"));
    write(directory.path("tree/b"));
    static int calls;
    calls = 0;
    syscalls::set_fault_hook([](std::string_view name) { return name == "remove" && ++calls == 1 ? EIO : 0; });
    auto removed = remove_tree(directory.path("tree"));
    syscalls::set_fault_hook(nullptr);
    REQUIRE_FALSE(removed);
    CHECK(removed.error().message().ends_with(": Input/output error"));
    CHECK(std::distance(fs::directory_iterator(directory.path("tree")), fs::directory_iterator()) == 1);
    CHECK(remove_tree(directory.path("tree")));
    CHECK(remove_tree(directory.path("tree")));
    CHECK(remove_tree(directory.path("no/such/parent")));
}

TEST_CASE("removal is bounded in depth", "[cleanup]") {
    test::temporary_directory directory;
    std::string path = directory.path("tree");
    for (int level = 0; level <= max_depth; ++level) {
        REQUIRE(::mkdir(path.c_str(), 0755) == 0);
        path += "/d";
    }
    auto removed = remove_tree(directory.path("tree"));
    REQUIRE_FALSE(removed);
    CHECK(removed.error().code() != error_code());
    CHECK(fs::exists(directory.path("tree")));
}

TEST_CASE("removal does not enter another mount, not even of the same filesystem", "[.][privileged]") {
    test::temporary_directory directory;
    write(directory.path("data/keep"));
    write(directory.path("tree/file"));
    fs::create_directory(directory.path("tree/mount"));
    bool is_bind = GENERATE(true, false);
    auto point = directory.path("tree/mount");
    int mounted = is_bind ? ::mount(directory.path("data").c_str(), point.c_str(), nullptr, MS_BIND, nullptr)
                          : ::mount("tmpfs", point.c_str(), "tmpfs", 0, nullptr);
    REQUIRE(mounted == 0);
    write(point + "/inside");
    auto removed = remove_tree(directory.path("tree"));
    CHECK(fs::exists(point + "/inside"));
    CHECK_FALSE(fs::exists(directory.path("tree/file")));
    CHECK(fs::exists(directory.path("data/keep")));
    REQUIRE_FALSE(removed);
    CHECK(removed.error().message() == "remove " + point + ": something is mounted there: failed precondition");
    auto contents = remove_contents(point);
    CHECK(contents);
    CHECK(::umount2(point.c_str(), MNT_DETACH) == 0);
}

TEST_CASE("removal does not enter what is mounted on its very place", "[.][privileged]") {
    test::temporary_directory directory;
    write(directory.path("data/keep"));
    auto point = directory.path("bundle");
    fs::create_directory(point);
    REQUIRE(::mount(directory.path("data").c_str(), point.c_str(), nullptr, MS_BIND, nullptr) == 0);
    auto removed = remove_tree(point);
    CHECK(fs::exists(directory.path("data/keep")));
    REQUIRE_FALSE(removed);
    CHECK(removed.error().message() == "remove " + point + ": something is mounted there: failed precondition");
    CHECK(::umount2(point.c_str(), MNT_DETACH) == 0);
    CHECK(remove_tree(point));
    CHECK_FALSE(fs::exists(point));
}

TEST_CASE("removal does not remove a file that something is mounted on", "[.][privileged]") {
    test::temporary_directory directory;
    write(directory.path("data/keep"));
    write(directory.path("tree/file"));
    auto point = directory.path("tree/file");
    REQUIRE(::mount(directory.path("data/keep").c_str(), point.c_str(), nullptr, MS_BIND, nullptr) == 0);
    auto removed = remove_tree(directory.path("tree"));
    CHECK(fs::exists(point));
    CHECK(fs::exists(directory.path("data/keep")));
    REQUIRE_FALSE(removed);
    CHECK(removed.error().message() == "remove " + point + ": something is mounted there: failed precondition");
    CHECK(::umount2(point.c_str(), MNT_DETACH) == 0);
}

TEST_CASE("without a directory for temporary files only bundles are put away", "[cleanup]") {
    test::temporary_directory directory;
    cleanup_options options;
    options.bundles = directory.path("bundles");
    options.temporary.clear();
    fs::create_directories(options.bundles + "/c1");
    CHECK(clean_up(options).problems.empty());
    CHECK(fs::is_empty(options.bundles));
}

TEST_CASE("mounts below the bundles are undone deepest first, stacked ones too", "[.][privileged]") {
    test::temporary_directory directory;
    cleanup_options options;
    options.bundles = directory.path("bundles");
    options.temporary = directory.path("tmp");
    auto rootfs = options.bundles + "/c 1/rootfs";
    fs::create_directories(rootfs);
    fs::create_directories(options.temporary);
    for (const auto& point : {rootfs, rootfs, rootfs + "/inner"}) {
        fs::create_directories(point);
        REQUIRE(::mount("tmpfs", point.c_str(), "tmpfs", 0, nullptr) == 0);
    }
    auto report = clean_up(options);
    CHECK(report.problems.empty());
    CHECK(report.unmounted == 2);
    CHECK(fs::is_empty(options.bundles));
}

TEST_CASE("filesystems of block devices are remounted read-only at the end", "[cleanup]") {
    test::temporary_directory directory;
    write(directory.path("mountinfo"),
          "36 35 8:1 / /disk rw - ext4 /dev/vda rw\n"
          "37 35 8:2 / /cd ro - erofs /dev/vdb ro\n"
          "38 35 0:5 / /dev rw - devtmpfs devtmpfs rw\n"
          "39 35 0:9 / /run rw - tmpfs tmpfs rw\n");
    static int calls;
    calls = 0;
    SECTION("a writer that has been killed lets go in a moment") {
        syscalls::set_fault_hook([](std::string_view name) {
            if (name != "remount read-only") return 0;
            return ++calls < 4 ? EBUSY : EINVAL;
        });
        auto problems = remount_read_only(directory.path("mountinfo"));
        syscalls::set_fault_hook(nullptr);
        CHECK(calls == 4);
        CHECK(problems == std::vector<std::string>{"remount read-only /disk: Invalid argument"});
    }
    SECTION("one that stays busy is a problem") {
        syscalls::set_fault_hook([](std::string_view name) { return name == "remount read-only" ? EBUSY : 0; });
        auto problems = remount_read_only(directory.path("mountinfo"));
        syscalls::set_fault_hook(nullptr);
        CHECK(problems == std::vector<std::string>{"remount read-only /disk: Device or resource busy"});
    }
}
