// SPDX-License-Identifier: Apache-2.0
#include "system/root_storage.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/system/boot_steps.hpp"

using namespace vminit;
using namespace vminit::system;
namespace fs = std::filesystem;

namespace {

// A root of its own, with /run in memory as the boot leaves it. In namespaces of the test.
struct root_fixture {
    root_fixture() { fs::create_directories(root + "/run"); }
    ~root_fixture() {
        ::umount2((root + "/run").c_str(), MNT_DETACH);
        ::umount2(root.c_str(), MNT_DETACH);
    }

    void put(const std::string& name, const std::string& text) {
        fs::create_directories(fs::path(root + name).parent_path());
        std::ofstream(root + name) << text;
    }
    // What was put so far becomes a read-only image.
    void seal() {
        REQUIRE(::mount(root.c_str(), root.c_str(), nullptr, MS_BIND, nullptr) == 0);
        REQUIRE(::mount(nullptr, root.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0);
        mount_run();
    }
    void mount_run() { REQUIRE(::mount("tmpfs", (root + "/run").c_str(), "tmpfs", 0, nullptr) == 0); }
    std::string text(const std::string& name) { return read_file(root + name).value(); }

    test::temporary_directory directory;
    std::string root = directory.path("root");
    step_notes notes;
};

}  // namespace

TEST_CASE("where something lies is told by its closest parent", "[boot]") {
    test::temporary_directory memory("/dev/shm");
    CHECK(storage_of(memory.path()) == storage::memory);
    CHECK(storage_of(memory.path("not/there/yet")) == storage::memory);
    CHECK(storage_of("/proc/self") == storage::disk);
}

TEST_CASE_METHOD(root_fixture, "a directory that is there needs no cover", "[.][privileged]") {
    put("/var/log/old", "1");
    seal();
    CHECK(storage_of(root + "/var/log") == storage::read_only);
    REQUIRE(provide_directory(root, "/var/log"));
    CHECK(text("/var/log/old") == "1");
    CHECK_FALSE(fs::exists(root + "/run/vminit-root"));
}

TEST_CASE_METHOD(root_fixture, "a directory that a read-only root lacks comes in a cover that shows the rest",
                 "[.][privileged]") {
    put("/var/lib/apt/state", "apt");
    put("/var/file", "file");
    put("/etc/target", "t");
    fs::create_symlink("../etc/target", root + "/var/link");
    seal();
    REQUIRE(provide_directory(root, "/var/log"));
    REQUIRE(provide_directory(root, "/var/lib/spin-stack/bin"));
    CHECK(storage_of(root + "/var/log") == storage::memory);
    CHECK(storage_of(root + "/var/lib/spin-stack") == storage::memory);
    CHECK(text("/var/lib/apt/state") == "apt");
    CHECK(text("/var/file") == "file");
    CHECK(text("/var/link") == "t");
    CHECK(fs::read_symlink(root + "/var/link") == "../etc/target");
    // Once more is nothing to do.
    REQUIRE(provide_directory(root, "/var/log"));
    CHECK_FALSE(fs::exists(root + "/run/vminit-stage"));
}

TEST_CASE_METHOD(root_fixture, "a directory of the root itself cannot be had on a read-only root", "[.][privileged]") {
    seal();
    auto made = provide_directory(root, "/srv/data");
    REQUIRE_FALSE(made);
    CHECK(made.error().message() == "mkdir " + root + "/srv: Read-only file system");
}

TEST_CASE_METHOD(root_fixture, "a read-only root has its name files all the same, and so have containers",
                 "[.][privileged]") {
    put("/etc/passwd", "root");
    SECTION("files to lie on") {
        put("/etc/resolv.conf", "");
        put("/etc/hosts", "of the image\n");
    }
    SECTION("none") {}
    SECTION("a link that leads into /run") {
        fs::create_symlink("../run/systemd/resolve/stub-resolv.conf", root + "/etc/resolv.conf");
    }
    bool has_hosts = fs::exists(root + "/etc/hosts");
    seal();
    auto network = parse_network_settings(kernel_cmdline("ip=::::box:::1.1.1.1"));
    REQUIRE(steps::write_name_files(network, root, notes));
    CHECK(notes.texts().empty());
    CHECK(text("/etc/resolv.conf") == "nameserver 1.1.1.1\n");
    CHECK(text("/etc/passwd") == "root");
    CHECK((text("/etc/hosts") == "of the image\n") == has_hosts);
    CHECK((text("/etc/hosts").find(" box\n") == std::string::npos) == has_hosts);
    CHECK(read_file(steps::container_resolv_conf(root)).value() == "nameserver 1.1.1.1\n");
}

TEST_CASE_METHOD(root_fixture, "on a read-only root without /etc containers have their resolv.conf", "[.][privileged]") {
    seal();
    auto network = parse_network_settings(kernel_cmdline("ip=:::::::1.1.1.1"));
    REQUIRE(steps::write_name_files(network, root, notes));
    CHECK(notes.texts().size() == 2);
    CHECK(read_file(steps::container_resolv_conf(root)).value() == "nameserver 1.1.1.1\n");
}

TEST_CASE_METHOD(root_fixture, "a disk that can be written to gets empty files to mount on, no more", "[.][privileged]") {
    put("/etc/resolv.conf", "nameserver 9.9.9.9\n");
    mount_run();
    auto network = parse_network_settings(kernel_cmdline("ip=::::box:::1.1.1.1"));
    REQUIRE(steps::write_name_files(network, root, notes));
    CHECK(notes.texts().empty());
    CHECK(text("/etc/resolv.conf") == "nameserver 1.1.1.1\n");
    CHECK(text("/etc/hosts").find(" box\n") != std::string::npos);
    for (const char* name : {"/etc/resolv.conf", "/etc/hosts"}) REQUIRE(::umount((root + name).c_str()) == 0);
    CHECK(text("/etc/resolv.conf") == "nameserver 9.9.9.9\n");
    CHECK(text("/etc/hosts").empty());
}
