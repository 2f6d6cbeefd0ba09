// SPDX-License-Identifier: Apache-2.0
#include "vminit/devices/extras.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "fake_sysfs.hpp"
#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "tar_file.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::devices;

namespace {

using test::tar_dialect;
using test::tar_file;

struct extras_fixture {
    extras_fixture() { std::filesystem::create_directory(root); }

    result<extras_report> extract() { return extract_tar(tar, root); }
    std::string text(const std::string& name) { return read_file(root + name).value(); }
    unsigned mode(const std::string& name) {
        struct stat status{};
        REQUIRE(::lstat((root + name).c_str(), &status) == 0);
        return status.st_mode & 07777;
    }
    bool exists(const std::string& name) {
        return std::filesystem::exists(std::filesystem::symlink_status(root + name));
    }

    test::temporary_directory directory;
    std::string tar = directory.path("disk");
    std::string root = directory.path("root");
};

}  // namespace

TEST_CASE_METHOD(extras_fixture, "files arrive with content, mode and parents", "[extras]") {
    auto format = GENERATE(tar_dialect::ustar, tar_dialect::pax, tar_dialect::gnu);
    std::string big(200000, 'x');
    tar_file(tar, format).add("/run/spin-stack/spin-supervisor", big, 0755).add("/etc/conf", "a=1\n", 0640).close();
    auto umask_before = ::umask(077);
    auto report = extract();
    ::umask(umask_before);
    REQUIRE(report);
    CHECK(report->files == 2);
    CHECK(report->skipped == 0);
    CHECK(text("/run/spin-stack/spin-supervisor") == big);
    CHECK(mode("/run/spin-stack/spin-supervisor") == 0755);
    CHECK(mode("/run/spin-stack") == 0755);
    CHECK(text("/etc/conf") == "a=1\n");
    CHECK(mode("/etc/conf") == 0640);
}

TEST_CASE_METHOD(extras_fixture, "what follows the end marker on the disk is not looked at", "[extras]") {
    tar_file(tar).add("/a", "1").close();
    std::ofstream(tar, std::ios::app) << std::string(1 << 20, 'z');
    auto report = extract();
    REQUIRE(report);
    CHECK(report->files == 1);
}

TEST_CASE_METHOD(extras_fixture, "long names are understood in pax and GNU dialect", "[extras]") {
    auto format = GENERATE(tar_dialect::pax, tar_dialect::gnu);
    std::string name = "/" + std::string(120, 'd') + "/" + std::string(180, 'f');
    tar_file(tar, format).add(name, "long").close();
    REQUIRE(extract());
    CHECK(text(name) == "long");
}

TEST_CASE_METHOD(extras_fixture, "names that are not ASCII are taken as bytes", "[extras]") {
    auto format = GENERATE(tar_dialect::ustar, tar_dialect::pax, tar_dialect::gnu);
    tar_file(tar, format).add("/\xc3\xbc", "u").close();
    REQUIRE(extract());
    CHECK(text("/\xc3\xbc") == "u");
}

TEST_CASE_METHOD(extras_fixture, "links, devices and relative names are skipped", "[extras]") {
    tar_file(tar)
        .add("/link", "", 0777, '2', "/etc/shadow")
        .add("relative", "x")
        .add("./also", "x")
        .add("/fifo", "", 0644, '6')
        .add("/real", "1")
        .add("/hard", "", 0644, '1', "/real")
        .close();
    auto report = extract();
    REQUIRE(report);
    CHECK(report->skipped == 5);
    CHECK(report->files == 1);
    for (const char* name : {"/link", "/relative", "/also", "/fifo", "/hard"}) CHECK_FALSE(exists(name));
}

TEST_CASE_METHOD(extras_fixture, "names are cleaned and cannot leave the root", "[extras]") {
    tar_file(tar).add("/a/../../b//./c", "x").add("/../d", "y").close();
    auto report = extract();
    REQUIRE(report);
    CHECK(text("/b/c") == "x");
    CHECK(text("/d") == "y");
    CHECK_FALSE(exists("/a"));
    CHECK(directory.entries() == std::vector<std::string>{"disk", "root"});
}

TEST_CASE_METHOD(extras_fixture, "directories are made, those that exist are left as they are", "[extras]") {
    std::filesystem::create_directory(root + "/tmp");
    REQUIRE(::chmod((root + "/tmp").c_str(), 01777) == 0);
    tar_file(tar).add("/tmp", "", 0700, '5').add("/opt/x", "", 0711, '5').add("/set", "s", 06755).close();
    auto report = extract();
    REQUIRE(report);
    CHECK(report->directories == 2);
    CHECK(mode("/tmp") == 01777);
    CHECK(mode("/opt/x") == 0711);
    CHECK(mode("/opt") == 0755);
    CHECK(mode("/set") == 0755);
}

TEST_CASE_METHOD(extras_fixture, "a link at the last component is replaced, not followed", "[extras]") {
    std::ofstream(directory.path("outside")) << "keep";
    std::filesystem::create_symlink(directory.path("outside"), root + "/file");
    tar_file(tar).add("/file", "new").close();
    REQUIRE(extract());
    CHECK(text("/file") == "new");
    CHECK_FALSE(std::filesystem::is_symlink(root + "/file"));
    CHECK(read_file(directory.path("outside")).value() == "keep");
}

TEST_CASE_METHOD(extras_fixture, "links among the parents are followed within the root", "[extras]") {
    std::filesystem::create_directories(root + "/usr/bin");
    std::filesystem::create_directories(root + "/run");
    std::filesystem::create_directories(root + "/var");
    std::filesystem::create_symlink("usr/bin", root + "/bin");
    std::filesystem::create_symlink("/run", root + "/var/run");
    std::filesystem::create_symlink("../../../../../run", root + "/var/far");
    tar_file(tar)
        .add("/bin", "", 0755, '5')
        .add("/bin/tool", "1")
        .add("/var/run/new/x", "2")
        .add("/var/far/y", "3")
        .add("/var/run/made", "", 0711, '5')
        .close();
    auto report = extract();
    REQUIRE(report);
    CHECK(report->files == 3);
    CHECK(report->skipped == 0);
    CHECK(text("/usr/bin/tool") == "1");
    CHECK(text("/run/new/x") == "2");
    CHECK(text("/run/y") == "3");
    CHECK(mode("/run/new") == 0755);
    CHECK(mode("/run/made") == 0711);
    CHECK(std::filesystem::is_symlink(root + "/bin"));
}

TEST_CASE_METHOD(extras_fixture, "a link out of the root leads to the same place within, or the entry is skipped", "[extras]") {
    std::filesystem::create_directory(directory.path("outside"));
    std::filesystem::create_symlink(directory.path("outside"), root + "/absolute");
    std::filesystem::create_symlink("../outside", root + "/relative");
    std::filesystem::create_symlink("/proc/self/root", root + "/magic");
    std::filesystem::create_symlink("loop", root + "/loop");
    std::ofstream(root + "/plain") << "keep";
    auto bad = GENERATE(std::string("absolute"), "relative", "magic", "loop", "plain");
    tar_file(tar).add("/" + bad + "/file", "new").add("/" + bad + "/deep/d", "", 0755, '5').add("/after", "1").close();
    auto report = extract();
    REQUIRE(report);
    CHECK(report->skipped == 2);
    CHECK(report->first_skipped.starts_with("/" + bad + "/file: open /" + bad + ": "));
    CHECK(text("/after") == "1");
    CHECK(text("/plain") == "keep");
    CHECK(std::filesystem::is_empty(directory.path("outside")));
    CHECK(directory.entries() == std::vector<std::string>{"disk", "outside", "root"});
}

TEST_CASE_METHOD(extras_fixture, "what a link of the root names outside exists within", "[extras]") {
    std::filesystem::create_directory(root + "/real");
    std::filesystem::create_symlink("/../../real", root + "/way");
    tar_file(tar).add("/way/../way/file", "new").close();
    REQUIRE(extract());
    CHECK(text("/real/file") == "new");
}

TEST_CASE_METHOD(extras_fixture, "a file without a place is skipped, the others are placed", "[extras]") {
    std::filesystem::create_directories(root + "/taken/by-a-directory");
    tar_file(tar).add("/taken", "x").add("/late", "1").close();
    auto report = extract();
    REQUIRE(report);
    CHECK(report->skipped == 1);
    CHECK(report->first_skipped == "/taken: rename taken: Is a directory");
    CHECK(text("/late") == "1");
    CHECK(std::filesystem::is_directory(root + "/taken/by-a-directory"));

    syscalls::set_fault_hook([](std::string_view name) { return name == "mkdir" ? EROFS : 0; });
    tar_file(tar).add("/new/dir", "", 0755, '5').add("/new/file", "x").add("/last", "2").close();
    report = extract();
    syscalls::set_fault_hook(nullptr);
    REQUIRE(report);
    CHECK(report->skipped == 2);
    CHECK(report->first_skipped == "/new/dir: mkdir /new: Read-only file system");
    CHECK(text("/last") == "2");
}

TEST_CASE_METHOD(extras_fixture, "a full file system ends the extraction wherever it is met", "[extras]") {
    tar_file(tar).add("/new/file", "x").add("/last", "2").close();
    syscalls::set_fault_hook([](std::string_view name) { return name == "mkdir" ? ENOSPC : 0; });
    auto report = extract();
    syscalls::set_fault_hook(nullptr);
    REQUIRE_FALSE(report);
    CHECK(report.error().kind() == errc::resource_exhausted);
    CHECK_FALSE(exists("/last"));
}

TEST_CASE_METHOD(extras_fixture, "an existing file is replaced whole", "[extras]") {
    std::ofstream(root + "/file") << "something longer than the new one";
    tar_file(tar).add("/file", "new", 0600).close();
    REQUIRE(extract());
    CHECK(text("/file") == "new");
    CHECK(mode("/file") == 0600);
}

TEST_CASE_METHOD(extras_fixture, "a damaged or cut archive is an error and leaves no half file", "[extras]") {
    tar_file(tar).add("/file", std::string(100000, 'x')).close();
    SECTION("cut in the data") { REQUIRE(::truncate(tar.c_str(), 50000) == 0); }
    SECTION("not a tar at all") { std::ofstream(tar) << std::string(4096, 'x'); }
    auto report = extract();
    REQUIRE_FALSE(report);
    CHECK((report.error().kind() == errc::data_loss || report.error().kind() == errc::out_of_range));
    CHECK(std::filesystem::is_empty(root));
}

TEST_CASE_METHOD(extras_fixture, "an entry larger than the disk is refused before it is written", "[extras]") {
    tar_file(tar).add("/file", std::string(100000, 'x')).close();
    REQUIRE(::truncate(tar.c_str(), 2048) == 0);
    auto report = extract();
    REQUIRE_FALSE(report);
    CHECK(report.error().message() == "extract /file: larger than the disk: out of range");
}

TEST_CASE_METHOD(extras_fixture, "a write that fails is told with the file's name", "[extras]") {
    tar_file(tar).add("/file", "x").close();
    syscalls::set_fault_hook([](std::string_view name) { return name == "write" ? ENOSPC : 0; });
    auto report = extract();
    syscalls::set_fault_hook(nullptr);
    REQUIRE_FALSE(report);
    CHECK(report.error().kind() == errc::resource_exhausted);
    CHECK(report.error().context().starts_with("extract /file: "));
    CHECK(std::filesystem::is_empty(root));
}

TEST_CASE("the extras disk is chosen by number on the kernel command line", "[extras]") {
    auto settings = parse_extras_settings(kernel_cmdline("quiet spin.extras_disk=2"));
    REQUIRE(settings);
    REQUIRE(settings->has_value());
    CHECK((*settings)->disk == 2);
    CHECK_FALSE((*settings)->is_forced);
    CHECK((*parse_extras_settings(kernel_cmdline("spin.extras_disk=0 spin.extras_force")))->is_forced);
    CHECK((*parse_extras_settings(kernel_cmdline("spin.extras_disk=0 spin.extras_force=1")))->is_forced);
    CHECK_FALSE(parse_extras_settings(kernel_cmdline("quiet"))->has_value());
    auto bad = GENERATE("", "x", "-1", "2x", "702");
    auto failed = parse_extras_settings(kernel_cmdline(std::string("spin.extras_disk=") + bad));
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message() == "bad spin.extras_disk \"" + std::string(bad) + "\": invalid argument");
}

TEST_CASE_METHOD(extras_fixture, "the marker says that it was done, and force does it again", "[extras]") {
    test::io_fixture io;
    test::fake_sysfs system;
    asio::make_service<device_service>(io.ctx, system.config());
    system.add_disk("vdb");
    tar_file(system.node("vdb")).add("/a", "1").close();
    extras_settings settings;
    settings.disk = 1;
    settings.root = root;
    settings.marker = directory.path("marker");

    auto first = io.run(extract_extras(io.ctx, settings));
    REQUIRE(first);
    CHECK(first->files == 1);
    CHECK(read_file(settings.marker).value() == "done\n");

    auto second = io.run(extract_extras(io.ctx, settings));
    REQUIRE(second);
    CHECK(second->was_done_before);
    CHECK(second->files == 0);

    settings.is_forced = true;
    CHECK(io.run(extract_extras(io.ctx, settings))->files == 1);
}

TEST_CASE_METHOD(extras_fixture, "a failed extraction leaves no marker", "[extras]") {
    test::io_fixture io;
    test::fake_sysfs system;
    asio::make_service<device_service>(io.ctx, system.config());
    system.add_disk("vda");
    std::ofstream(system.node("vda")) << std::string(4096, 'x');
    extras_settings settings;
    settings.root = root;
    settings.marker = directory.path("marker");
    CHECK_FALSE(io.run(extract_extras(io.ctx, settings)));
    CHECK_FALSE(std::filesystem::exists(settings.marker));
}
