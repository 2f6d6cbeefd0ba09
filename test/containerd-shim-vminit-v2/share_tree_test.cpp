// SPDX-License-Identifier: Apache-2.0
#include "share_tree.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/system/mount.hpp"

using namespace vminit;
using namespace vminit::shim;
namespace fs = std::filesystem;

namespace {

/// A tree, and a directory to be shared in it: `source` with the file `data` and, mounted on `sub`, `more`.
struct shared_tree : test::temporary_directory {
    shared_tree() : tree(path("share")) {
        REQUIRE(make_directories(path("source/sub"), 0755));
        REQUIRE(replace_file(path("source/data"), "data", 0644));
        REQUIRE(tree.open());
    }
    ~shared_tree() { (void)tree.close(); }

    std::string seen(const std::string& name) {
        auto text = read_file(tree.directory() + "/" + name);
        return text ? *text : text.error().message();
    }
    bool can_write(const std::string& name) {
        return static_cast<bool>(replace_file(tree.directory() + "/" + name, "x", 0644));
    }

    share_tree tree;
};

}  // namespace

TEST_CASE_METHOD(shared_tree, "a directory and a file are seen in the tree until they are taken out",
                 "[.][privileged]") {
    CHECK(tree.open());  // once is enough
    CHECK(tree.bind("a", path("source"), share_access::read_write, share_depth::with_submounts));
    CHECK(tree.bind("b", path("source/data"), share_access::read_write, share_depth::one_mount));
    CHECK(seen("a/data") == "data");
    CHECK(seen("b") == "data");
    CHECK(can_write("a/new"));
    CHECK(fs::exists(path("source/new")));
    CHECK(tree.remove("a"));
    CHECK(tree.remove("b"));
    CHECK(tree.remove("a"));
    CHECK(fs::is_empty(tree.directory()));
    CHECK(tree.close());
    CHECK_FALSE(fs::exists(path("share")));
    CHECK(tree.close());
}

TEST_CASE_METHOD(shared_tree, "read-only holds below submounts too", "[.][privileged]") {
    REQUIRE(system::mount_filesystem(system::mount_entry("tmpfs", "tmpfs", "", {}), path("source/sub")));
    CHECK(tree.bind("a", path("source"), share_access::read_only, share_depth::with_submounts));
    CHECK(tree.bind("b", path("source"), share_access::read_only, share_depth::one_mount));
    CHECK(replace_file(path("source/sub/new"), "here it can be written", 0644));
    CHECK(seen("a/sub/new") == "here it can be written");
    CHECK_FALSE(can_write("a/new"));
    CHECK_FALSE(can_write("a/sub/newer"));
    CHECK(fs::is_empty(tree.directory() + "/b/sub"));
    CHECK_FALSE(can_write("b/new"));
    CHECK(system::unmount_all(path("source/sub"), system::unmount_mode::lazy));
}

TEST_CASE_METHOD(shared_tree, "a recursive bind of what holds the tree leaves the tree out", "[.][privileged]") {
    CHECK(tree.bind("a", path("source"), share_access::read_write, share_depth::with_submounts));
    CHECK(tree.bind("all", path(), share_access::read_write, share_depth::with_submounts));
    CHECK(seen("all/source/data") == "data");
    CHECK(fs::is_empty(tree.directory() + "/all/share"));
    CHECK(tree.remove("all"));
}

TEST_CASE_METHOD(shared_tree, "a bind that fails names the source and leaves nothing", "[.][privileged]") {
    auto bound = tree.bind("a", path("nowhere"), share_access::read_write, share_depth::one_mount);
    REQUIRE_FALSE(bound);
    CHECK(bound.error().message().find("nowhere") != std::string::npos);
    auto mounted = tree.mount("b", {{"tmpfs", "tmpfs", "", {}}, {"nosuchfs", "x", "", {}}});
    REQUIRE_FALSE(mounted);
    CHECK(fs::is_empty(tree.directory()));
}
