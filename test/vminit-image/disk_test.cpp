// SPDX-License-Identifier: Apache-2.0
#include "disk.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "image_maker.hpp"
#include "support/temporary_directory.hpp"
#include "tool.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::image;
using namespace vminit::test;

namespace fs = std::filesystem;

namespace {

layout_image sample() {
    auto owned = file("home/user/file with \"quotes\"", "content");
    owned.uid = owned.gid = 1000;
    auto implied = file("made/on/the/way/file", "x");
    return {"sample",
            "amd64",
            R"({"created":"2001-02-03T04:05:06Z","config":{"Env":["A=1"]}})",
            {{directory("home"), directory("home/user"), owned},
             {implied, hard_link("home/user/again", "made/on/the/way/file")}}};
}

result<disk_report> make(const std::string& layout, const std::string& output, disk_type type, std::uint64_t size = 0) {
    image_choice choice;
    choice.architecture = "amd64";
    auto opened = open_image(layout, choice);
    if (!opened) return opened.error();
    disk_options options;
    options.output = output;
    options.type = type;
    options.size = size;
    return make_disk(*opened, options);
}

std::string debugfs(const std::string& disk, const std::string& command) {
    return output_of({"debugfs", "-R", command, disk}).value();
}

}  // namespace

TEST_CASE("the same image gives the same bytes, and its configuration lies beside them") {
    if (!may_unpack()) return;
    temporary_directory files;
    make_layout(files.path("layout"), {sample()});
    auto type = GENERATE(disk_type::erofs, disk_type::ext4);
    auto first = make(files.path("layout"), files.path("first"), type);
    REQUIRE(first);
    // Another second, or a clock in the image would not be noticed.
    auto second_of = [](const std::string& path) {
        return fs::last_write_time(path).time_since_epoch() / std::chrono::seconds(1);
    };
    auto began = second_of(files.path("first"));
    while (true) {
        REQUIRE(replace_file(files.path("clock"), "", 0644));
        if (second_of(files.path("clock")) != began) break;
        ::usleep(10'000);
    }
    REQUIRE(make(files.path("layout"), files.path("second"), type));
    CHECK(output_of({"cmp", files.path("first"), files.path("second")}));
    CHECK(first->bytes == fs::file_size(files.path("first")));
    CHECK(first->config_path == files.path("first.json"));
    CHECK(read_file(files.path("first.json")).value() == sample().config);
    CHECK(files.entries() ==
          std::vector<std::string>{"clock", "first", "first.json", "layout", "second", "second.json"});
}

TEST_CASE("an ext4 disk is sound, and has the owners, links and times of the image") {
    if (!may_unpack()) return;
    temporary_directory files;
    make_layout(files.path("layout"), {sample()});
    REQUIRE(make(files.path("layout"), files.path("disk"), disk_type::ext4));
    CHECK(output_of({"e2fsck", "-fn", files.path("disk")}));
    auto owned = debugfs(files.path("disk"), "stat /home/user");
    CHECK(debugfs(files.path("disk"), "cat \"/home/user/file with \"\"quotes\"\"\"") == "content");
    auto entry = debugfs(files.path("disk"), "ls -l /home/user");
    CHECK(entry.find("1000") != std::string::npos);
    auto linked = debugfs(files.path("disk"), "stat /home/user/again");
    CHECK(linked.find("Links: 2") != std::string::npos);
    // 2001-02-03T04:05:06Z, for what no layer has named.
    CHECK(debugfs(files.path("disk"), "stat /made/on").find("mtime: 0x3a7b8372") != std::string::npos);
}

TEST_CASE("an ext4 disk that is too small for its image is an error, and nothing is left") {
    if (!may_unpack()) return;
    temporary_directory files;
    auto image = sample();
    image.layers.push_back({file("large", std::string(3 << 20, 'x'))});
    make_layout(files.path("layout"), {image});
    auto made = make(files.path("layout"), files.path("disk"), disk_type::ext4, 2 << 20);
    REQUIRE_FALSE(made);
    CHECK(made.error().kind() == errc::resource_exhausted);
    CHECK(files.entries() == std::vector<std::string>{"layout"});
    REQUIRE(make(files.path("layout"), files.path("disk"), disk_type::ext4, 16 << 20));
    CHECK(fs::file_size(files.path("disk")) == 16 << 20);
}

TEST_CASE("a directory becomes a disk as it is") {
    temporary_directory files;
    fs::create_directories(files.path("tree/etc"));
    REQUIRE(replace_file(files.path("tree/etc/motd"), "hello", 0644));
    auto made = make(files.path("tree"), files.path("disk"), disk_type::ext4);
    REQUIRE(made);
    CHECK(made->config_path.empty());
    CHECK(debugfs(files.path("disk"), "cat /etc/motd") == "hello");
    CHECK(files.entries() == std::vector<std::string>{"disk", "tree"});
}
