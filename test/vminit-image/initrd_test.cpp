// SPDX-License-Identifier: Apache-2.0
#include "initrd.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/temporary_directory.hpp"
#include "tool.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::image;
using namespace vminit::test;

namespace fs = std::filesystem;

namespace {

initrd_options options_in(const temporary_directory& files) {
    initrd_options options;
    options.output = files.path("initrd");
    options.init = "/bin/true";
    return options;
}

// The archive, decompressed by `reader`, unpacked below `directory`.
void unpack(const std::string& archive, const std::string& reader, const std::string& directory) {
    fs::create_directories(directory);
    REQUIRE(output_of({"sh", "-c", reader + " <" + archive + " | cpio -idm --quiet -D " + directory}));
}

}  // namespace

TEST_CASE("an initrd holds init, the runtime with its libraries, files and directories to mount on") {
    temporary_directory files;
    auto options = options_in(files);
    options.runtime = "/bin/ls";
    REQUIRE(replace_file(files.path("extra"), "words", 0640));
    options.files.emplace_back(files.path("extra"), "/opt/deep/extra");
    auto [how, reader] = GENERATE(table<compression, std::string>(
        {{compression::none, "cat"}, {compression::gzip, "gzip -dc"}, {compression::zstd, "zstd -qdc"}}));
    options.how = how;
    REQUIRE(make_initrd(options));
    auto root = files.path("root");
    unpack(options.output, reader, root);
    CHECK(output_of({"cmp", "/bin/true", root + "/init"}));
    CHECK(output_of({"cmp", "/bin/ls", root + "/sbin/ls"}));
    CHECK(read_file(root + "/opt/deep/extra").value() == "words");
    CHECK((fs::status(root + "/tmp").permissions() & fs::perms::sticky_bit) != fs::perms::none);
    for (const char* place : {"/proc", "/sys", "/dev", "/run", "/etc", "/var/lib"})
        CHECK(fs::is_directory(root + place));
    // What the loader of this machine says that ls needs is there.
    CHECK(output_of(
        {"sh", "-c", "for l in $(ldd /bin/ls | grep -o '/[^ ]*'); do test -f " + root + "$l || exit 1; done"}));
    CHECK_FALSE(fs::exists(root + "/etc/vminit/modules"));
    CHECK(files.entries() == std::vector<std::string>{"extra", "initrd", "root"});
}

TEST_CASE("the same input gives the same bytes") {
    temporary_directory files;
    auto options = options_in(files);
    options.how = GENERATE(compression::none, compression::gzip, compression::zstd);
    REQUIRE(make_initrd(options));
    fs::rename(options.output, files.path("first"));
    REQUIRE(make_initrd(options));
    CHECK(output_of({"cmp", files.path("first"), options.output}));
}

TEST_CASE("a list of modules of one's own, whatever it says") {
    temporary_directory files;
    auto options = options_in(files);
    REQUIRE(replace_file(files.path("list"), "/lib/none.ko\n", 0644));
    options.module_list = files.path("list");
    REQUIRE(make_initrd(options));
    unpack(options.output, "cat", files.path("root"));
    CHECK(read_file(files.path("root/etc/vminit/modules")).value() == "/lib/none.ko\n");
}

TEST_CASE("what cannot be put in is named, and nothing is written") {
    temporary_directory files;
    auto options = options_in(files);
    auto broken = GENERATE(0, 1, 2, 3, 4);
    if (broken == 0) options.init = "/etc/passwd";
    if (broken == 1) options.init = "/nowhere";
    if (broken == 2) options.runtime = "/nowhere";
    if (broken == 3) options.files.emplace_back("/nowhere", "/x");
    if (broken == 4) options.module_directory = "/nowhere";
    auto made = make_initrd(options);
    REQUIRE_FALSE(made);
    auto named = broken == 0 ? "/etc/passwd" : "/nowhere";
    CHECK(made.error().message().find(named) != std::string::npos);
    CHECK(files.entries().empty());
}
