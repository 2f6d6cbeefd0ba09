// SPDX-License-Identifier: Apache-2.0
#include "vminit/system/tree_unpacker.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/descriptor_guard.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::system;
namespace fs = std::filesystem;

namespace {

class unpack_fixture : public test::descriptor_guard {
public:
    unpack_fixture() {
        fs::create_directories(dir.path("root/etc"));
        REQUIRE(replace_file(dir.path("root/etc/name"), "old", 0640));
        fs::create_directory_symlink("/etc", dir.path("root/config"));
        fs::create_directory_symlink("/..", dir.path("root/up"));
    }
    result<std::unique_ptr<tree_unpacker>> open(const std::string& path, archive_owners owners = archive_owners::ours) {
        auto root = syscalls::open(dir.path("root"), O_PATH | O_DIRECTORY).value();
        return tree_unpacker::open(std::move(root), path, owners);
    }
    static file_piece entry(file_kind kind, std::string path, std::string target = {}) {
        file_piece piece;
        piece.entry.emplace();
        piece.entry->kind = kind;
        piece.entry->path = std::move(path);
        piece.entry->target = std::move(target);
        piece.entry->mode = 04755;
        piece.entry->uid = ::geteuid();
        piece.entry->gid = ::getegid();
        return piece;
    }
    result<void> put_file(tree_unpacker& into, const std::string& path, const std::string& text) {
        auto begun = into.put(entry(file_kind::file, path));
        return begun ? into.put(file_piece{std::nullopt, text}) : begun;
    }
    std::string text(const std::string& path) { return read_file(dir.path("root/" + path)).value(); }
    mode_t mode(const std::string& path) {
        struct stat status{};
        REQUIRE(::lstat(dir.path("root/" + path).c_str(), &status) == 0);
        return status.st_mode & 07777;
    }
    std::size_t count(const std::string& path) {
        return static_cast<std::size_t>(
            std::distance(fs::directory_iterator(dir.path("root/" + path)), fs::directory_iterator()));
    }

    test::temporary_directory dir;
};

}  // namespace

TEST_CASE_METHOD(unpack_fixture, "an archive goes into a directory, which is made if need be", "[system]") {
    auto path = GENERATE("/new/deep/place", "new/deep//place/", "/config/../new/deep/place");
    auto into = open(path);
    REQUIRE(into);
    REQUIRE(put_file(**into, "a/b/f", "one"));
    REQUIRE(put_file(**into, "a/b/g", "two"));
    REQUIRE((*into)->put(entry(file_kind::symlink, "a/link", "b/f")));
    REQUIRE((*into)->finish());
    CHECK(text("new/deep/place/a/b/f") == "one");
    CHECK(text("new/deep/place/a/link") == "one");
    CHECK(text("new/deep/place/a/b/g") == "two");
    CHECK(mode("new/deep/place/a/b/f") == 0755);
    CHECK(count("new/deep/place/a/b") == 2);
}

TEST_CASE_METHOD(unpack_fixture, "links lead to the place, but not from it", "[system]") {
    auto into = open("/config");
    REQUIRE(into);
    REQUIRE(put_file(**into, "name", "new"));
    REQUIRE((*into)->finish());
    CHECK(text("etc/name") == "new");
    auto root = open("/");
    REQUIRE(root);
    CHECK_FALSE(put_file(**root, "config/name", "x"));
    CHECK_FALSE(put_file(**root, "up/name", "x"));
    CHECK(text("etc/name") == "new");
    CHECK(dir.entries() == std::vector<std::string>{"root"});
    // "/.." is the root itself.
    REQUIRE(open("/up/other"));
    CHECK(fs::is_directory(dir.path("root/other")));
}

TEST_CASE_METHOD(unpack_fixture, "owners and modes are the archive's where they are to be kept", "[system]") {
    auto into = open("/etc", archive_owners::keep);
    REQUIRE(into);
    REQUIRE(put_file(**into, "f", "one"));
    REQUIRE((*into)->finish());
    CHECK(mode("etc/f") == 04755);
}

TEST_CASE_METHOD(unpack_fixture, "hard links are to files of the same archive", "[system]") {
    auto into = open("/etc");
    REQUIRE(into);
    REQUIRE(put_file(**into, "a/f", "one"));
    REQUIRE((*into)->put(entry(file_kind::hard_link, "b/g", "a/f")));
    REQUIRE((*into)->put(entry(file_kind::hard_link, "b/g", "a/f")));
    REQUIRE((*into)->finish());
    CHECK(text("etc/b/g") == "one");
    CHECK(fs::hard_link_count(dir.path("root/etc/a/f")) == 2);
    CHECK(count("etc/b") == 1);
    CHECK_FALSE((*into)->put(entry(file_kind::hard_link, "h", "none")));
    CHECK((*into)->put(entry(file_kind::hard_link, "h", "../f")).error().kind() == errc::invalid_argument);
}

TEST_CASE_METHOD(unpack_fixture, "one file goes over a file, which keeps its mode", "[system]") {
    auto into = open("/etc/name");
    REQUIRE(into);
    SECTION("one") {
        REQUIRE(put_file(**into, "whatever", "new"));
        CHECK(text("etc/name") == "old");
        REQUIRE((*into)->finish());
        CHECK(text("etc/name") == "new");
        CHECK(mode("etc/name") == 0640);
    }
    SECTION("two") {
        REQUIRE(put_file(**into, "a", "new"));
        CHECK(put_file(**into, "b", "new").error().message() ==
              "b: only one file can go over a file: invalid argument");
        into->reset();
        CHECK(text("etc/name") == "old");
    }
    SECTION("a directory") { CHECK_FALSE((*into)->put(entry(file_kind::directory, "a"))); }
    SECTION("none") { CHECK((*into)->finish().error().message() == "the archive holds no file: invalid argument"); }
    into->reset();
    CHECK(count("etc") == 1);
}
