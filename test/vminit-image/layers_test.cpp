// SPDX-License-Identifier: Apache-2.0
#include "layers.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "image_maker.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::image;
using namespace vminit::test;

namespace fs = std::filesystem;

namespace {

// Layers as tars, laid over one another in `root`.
class unpacking {
public:
    unpacking() { fs::create_directory(root()); }

    void add(const std::vector<tar_entry>& entries, tar_compression how = tar_compression::none) {
        layers_.push_back(files_.path("layer" + std::to_string(layers_.size())));
        write_tar(layers_.back(), entries, how);
    }
    result<layers_report> run() { return unpack_layers(layers_, root(), {}); }
    std::string root() const { return files_.path("root"); }
    std::string at(const std::string& name) const { return root() + "/" + name; }
    std::string text(const std::string& name) const {
        auto content = read_file(at(name));
        return content ? *content : "(" + content.error().message() + ")";
    }
    struct stat status(const std::string& name) const {
        struct stat found{};
        if (::lstat(at(name).c_str(), &found) == -1) FAIL("no " << name);
        return found;
    }
    std::string outside(const std::string& name) const { return files_.path(name); }

private:
    temporary_directory files_;
    std::vector<std::string> layers_;
};

}  // namespace

TEST_CASE("owners, modes, times, extended attributes and links are those of the layer") {
    if (!may_unpack()) return;
    unpacking layers;
    auto program = file("bin/tool", "text");
    program.mode = 04755;
    program.uid = 1234;
    program.gid = 70000;
    program.attributes["user.origin"] = "here";
    layers.add({directory("bin"), program, hard_link("bin/again", "bin/tool"), soft_link("bin/sh", "tool")},
               tar_compression::zstd);
    auto report = layers.run();
    REQUIRE(report);
    CHECK(report->entries == 4);
    auto found = layers.status("bin/tool");
    CHECK((found.st_mode & 07777) == 04755);
    CHECK(found.st_uid == 1234);
    CHECK(found.st_gid == 70000);
    CHECK(found.st_mtim.tv_sec == 1'000'000'000);
    CHECK(found.st_nlink == 2);
    CHECK(layers.status("bin/again").st_ino == found.st_ino);
    CHECK(layers.status("bin").st_mtim.tv_sec == 1'000'000'000);
    CHECK(fs::read_symlink(layers.at("bin/sh")) == "tool");
    char value[16];
    auto length = ::getxattr(layers.at("bin/tool").c_str(), "user.origin", value, sizeof value);
    if (length == -1 && errno == ENOTSUP) return;
    CHECK(std::string(value, static_cast<std::size_t>(length)) == "here");
}

TEST_CASE("a whiteout takes away what lies below, and nothing else") {
    if (!may_unpack()) return;
    unpacking layers;
    layers.add({directory("etc"), file("etc/a", "1"), file("etc/b", "1"), directory("etc/d"), file("etc/d/deep", "1")});
    layers.add(
        {file("etc/.wh.a", ""), file("etc/.wh.d", ""), file("etc/.wh.never-there", ""), file("etc/.wh..wh.plnk", "")});
    REQUIRE(layers.run());
    CHECK_FALSE(fs::exists(layers.at("etc/a")));
    CHECK_FALSE(fs::exists(layers.at("etc/d")));
    CHECK(layers.text("etc/b") == "1");
    CHECK_FALSE(fs::exists(layers.at("etc/.wh..wh.plnk")));
    CHECK_FALSE(fs::exists(layers.at("etc/.wh.never-there")));
}

TEST_CASE("an opaque whiteout keeps what its own layer has put there, before or after it") {
    if (!may_unpack()) return;
    unpacking layers;
    layers.add({directory("d"), file("d/old", "1"), directory("d/both"), file("d/both/old", "1")});
    layers.add({directory("d"), file("d/early", "2"), directory("d/both"), file("d/both/early", "2"),
                file("d/.wh..wh..opq", ""), file("d/late", "2")});
    REQUIRE(layers.run());
    CHECK_FALSE(fs::exists(layers.at("d/old")));
    CHECK_FALSE(fs::exists(layers.at("d/both/old")));
    CHECK(layers.text("d/early") == "2");
    CHECK(layers.text("d/late") == "2");
    CHECK(layers.text("d/both/early") == "2");
}

TEST_CASE("a later layer changes files into directories and back, and follows links within the image") {
    if (!may_unpack()) return;
    unpacking layers;
    layers.add({directory("usr"), directory("usr/bin"), soft_link("bin", "usr/bin"), file("was-file", "1"),
                directory("was-directory"), file("was-directory/in", "1"), soft_link("absolute", "/usr/bin")});
    layers.add({file("bin/tool", "2"), directory("was-file"), file("was-file/in", "2"), file("was-directory", "2"),
                file("absolute/other", "2")});
    REQUIRE(layers.run());
    CHECK(layers.text("usr/bin/tool") == "2");
    CHECK(layers.text("usr/bin/other") == "2");
    CHECK(fs::is_symlink(layers.at("bin")));
    CHECK(layers.text("was-file/in") == "2");
    CHECK(layers.text("was-directory") == "2");
}

TEST_CASE("no name and no link of a layer leads out of the image") {
    if (!may_unpack()) return;
    unpacking layers;
    auto victim = layers.outside("victim");
    fs::create_directory(victim);
    REQUIRE(replace_file(victim + "/kept", "untouched", 0644));
    layers.add({soft_link("out", "../victim"), soft_link("far", victim), file("../../climbed", "1")});
    layers.add({file("out/kept", "2"), file("far/kept", "2"), file("far/.wh.kept", ""),
                hard_link("stolen", "../victim/kept")});
    auto report = layers.run();
    CHECK(read_file(victim + "/kept").value() == "untouched");
    CHECK(layers.text("climbed") == "1");
    CHECK_FALSE(fs::exists(layers.outside("climbed")));
    // A link to a file that is not in the image cannot be made.
    CHECK_FALSE(report);
}

TEST_CASE("a layer that is cut short or no tar at all is an error that names it") {
    if (!may_unpack()) return;
    unpacking layers;
    layers.add({file("large", std::string(100'000, 'x'))});
    fs::resize_file(layers.outside("layer0"), 50'000);
    auto report = layers.run();
    REQUIRE_FALSE(report);
    CHECK(report.error().message().find("layer0") != std::string::npos);
    REQUIRE(replace_file(layers.outside("layer0"), "this is no tar, but long enough to be one" + std::string(1024, '.'),
                         0644));
    CHECK_FALSE(layers.run());
    fs::remove(layers.outside("layer0"));
    auto missing = layers.run();
    REQUIRE_FALSE(missing);
    CHECK(missing.error().kind() == errc::not_found);
}
