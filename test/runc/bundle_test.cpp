// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/bundle.hpp"

#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <cerrno>
#include <filesystem>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::runc;

namespace {

using files = std::map<std::string, std::string>;

mode_t mode_of(const std::string& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

int full_disk(std::string_view call) { return call == "write" ? ENOSPC : 0; }
int broken_disk(std::string_view call) { return call == "write" ? EIO : 0; }
int no_directory(std::string_view call) { return call == "mkdir" ? EROFS : 0; }

class umask_guard {
public:
    explicit umask_guard(mode_t mask) : before_(::umask(mask)) {}
    ~umask_guard() { ::umask(before_); }

private:
    mode_t before_;
};

}  // namespace

TEST_CASE("a bundle is a directory with a rootfs and the host's files", "[runc]") {
    test::temporary_directory directory;
    umask_guard mask(0);
    bundle_store store(directory.path("bundles"));
    std::string binary("\0\xff\n", 3);
    auto path = store.create("web", files{{"config.json", "{}"}, {"a..b", binary}, {"empty", ""}});
    REQUIRE(path);
    CHECK(*path == directory.path("bundles/web"));
    CHECK(read_file(*path + "/config.json").value() == "{}");
    CHECK(read_file(*path + "/a..b").value() == binary);
    CHECK(read_file(*path + "/empty").value().empty());
    CHECK(mode_of(directory.path("bundles")) == 0750);
    CHECK(mode_of(*path) == 0750);
    CHECK(mode_of(*path + "/rootfs") == 0750);
    CHECK(mode_of(*path + "/config.json") == 0600);
    CHECK(store.create("bare", {}));
}

TEST_CASE("a bundle's id and file names are checked before anything is made", "[runc]") {
    test::temporary_directory directory;
    bundle_store store(directory.path("bundles"));
    auto [id, name, text] = GENERATE(table<std::string, std::string, std::string>(
        {{"", "f", "bundle ID cannot be empty: invalid argument"},
         {"..", "f", "invalid bundle ID: \"..\": invalid argument"},
         {"a..b", "f", "invalid bundle ID: \"a..b\": invalid argument"},
         {"a/b", "f", "invalid bundle ID: \"a/b\": invalid argument"},
         {".", "f", "invalid bundle ID: \".\": invalid argument"},
         {"a\nb", "f", "invalid bundle ID: \"a\\nb\": invalid argument"},
         {std::string("a\0b", 3), "f", "invalid bundle ID: \"a\\x00b\": invalid argument"},
         {std::string(256, 'a'), "f", "invalid bundle ID: \"" + std::string(256, 'a') + "\": invalid argument"},
         {"web", "", "empty filename in bundle files: invalid argument"},
         {"web", "/etc/passwd", "absolute path not allowed in bundle: \"/etc/passwd\": invalid argument"},
         {"web", "a/b", "path separators not allowed in bundle filename: \"a/b\": invalid argument"},
         {"web", "a\\b", "path separators not allowed in bundle filename: \"a\\\\b\": invalid argument"},
         {"web", ".", "invalid bundle filename: \".\": invalid argument"},
         {"web", "..", "invalid bundle filename: \"..\": invalid argument"},
         {"web", "rootfs", "invalid bundle filename: \"rootfs\": invalid argument"},
         {"web", std::string("a\0", 2), "invalid bundle filename: \"a\\x00\": invalid argument"},
         {"web", std::string(256, 'f'),
          "invalid bundle filename: \"" + std::string(256, 'f') + "\": invalid argument"}}));
    auto refused = store.create(id, files{{"good", "x"}, {name, "x"}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == text);
    CHECK_FALSE(std::filesystem::exists(directory.path("bundles")));
}

TEST_CASE("a bundle that exists is left alone", "[runc]") {
    test::temporary_directory directory;
    bundle_store store(directory.path("bundles"));
    REQUIRE(store.create("web", files{{"config.json", "first"}}));
    auto again = store.create("web", files{{"config.json", "second"}});
    REQUIRE_FALSE(again);
    CHECK(again.error().message() == "bundle web: already exists");
    CHECK(read_file(directory.path("bundles/web/config.json")).value() == "first");
}

TEST_CASE("an unfinished bundle is removed", "[runc]") {
    test::temporary_directory directory;
    bundle_store store(directory.path("bundles"));
    auto path = directory.path("bundles/web");
    auto [hook, kind, reason] = GENERATE(table<syscalls::fault_hook, errc, std::string>(
        {{full_disk, errc::resource_exhausted, "no space left on device"},
         {broken_disk, errc::internal, "input/output error"}}));
    syscalls::set_fault_hook(hook);
    auto failed = store.create("web", files{{"a", "1"}, {"b", "2"}});
    syscalls::set_fault_hook(nullptr);
    REQUIRE_FALSE(failed);
    CHECK(failed.error() == error(kind, "write " + path + "/a: " + reason));
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK(store.create("web", files{{"a", "1"}}));
}

TEST_CASE("a store that cannot be made is an internal error", "[runc]") {
    test::temporary_directory directory;
    syscalls::set_fault_hook(no_directory);
    auto failed = bundle_store(directory.path("bundles")).create("web", {});
    syscalls::set_fault_hook(nullptr);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().kind() == errc::internal);
}
