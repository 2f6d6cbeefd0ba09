// SPDX-License-Identifier: Apache-2.0
#include "runc/mount_directory.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <filesystem>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;

namespace {

directory_request request_of(std::string path, mode_t mode = 0755) {
    directory_request request;
    request.path = std::move(path);
    request.mode = mode;
    return request;
}

mode_t mode_of(const std::string& path) {
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("directory options are taken out of an entry that may have them", "[runc]") {
    system::mount_entry entry("mkdir/overlay", "overlay", "",
                              {"X-containerd.mkdir.path=/b/mounts/1/upper", "upperdir=x",
                               "X-containerd.mkdir.path=/b/mounts/1/./work:0700:5:6", "ro"});
    auto requests = take_directories(entry, "/b/mounts").value();
    auto work = request_of("1/work", 0700);
    work.uid = 5;
    work.gid = 6;
    CHECK(requests == std::vector<directory_request>{request_of("1/upper"), work});
    CHECK(entry == system::mount_entry("overlay", "overlay", "", {"upperdir=x", "ro"}));
}

TEST_CASE("an entry without directory options is as it was", "[runc]") {
    system::mount_entry entry("ext4", "/dev/vdb", "", {"ro"});
    CHECK(take_directories(entry, "/b/mounts").value().empty());
    CHECK(entry == system::mount_entry("ext4", "/dev/vdb", "", {"ro"}));
}

TEST_CASE("directory options that cannot be obeyed are refused", "[runc]") {
    auto [option, expected] = GENERATE(table<std::string, std::string>(
        {{"path=/etc", "mkdir path \"/etc\" must be under \"/b/mounts\""},
         {"path=/b/mountsx/a", "mkdir path \"/b/mountsx/a\" must be under \"/b/mounts\""},
         {"path=/b/mounts/../../etc", "mkdir path \"/b/mounts/../../etc\" must be under \"/b/mounts\""},
         {"path=b/mounts/a", "mkdir path \"b/mounts/a\" must be under \"/b/mounts\""},
         {"path=", "mkdir path \"\" must be under \"/b/mounts\""},
         {"path=/b/mounts/a:", "invalid mode \"\""},
         {"path=/b/mounts/a:9", "invalid mode \"9\""},
         {"path=/b/mounts/a:10000", "invalid mode \"10000\""},
         {"path=/b/mounts/a:0755:x", "invalid uid \"x\""},
         {"path=/b/mounts/a:0755:-1", "invalid uid \"-1\""},
         {"path=/b/mounts/a:0755:4294967295", "invalid uid \"4294967295\""},
         {"path=/b/mounts/a:0755:0:", "invalid gid \"\""},
         {"path=/b/mounts/a:0755:0:0:0",
          "unknown mkdir mount option \"X-containerd.mkdir.path=/b/mounts/a:0755:0:0:0\""},
         {"mode=1", "unknown mkdir mount option \"X-containerd.mkdir.mode=1\""}}));
    system::mount_entry entry("mkdir/overlay", "overlay", "", {"X-containerd.mkdir." + option});
    auto refused = take_directories(entry, "/b/mounts");
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == error(errc::unknown, expected));
}

TEST_CASE("a directory option needs the mkdir type", "[runc]") {
    system::mount_entry entry("bind", "/x", "", {"X-containerd.mkdir.path=/b/mounts/a"});
    auto refused = take_directories(entry, "/b/mounts");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message() == "mount option \"X-containerd.mkdir.path=/b/mounts/a\" needs a mkdir/ type");
}

TEST_CASE("missing levels are made with exactly the mode, existing ones are left", "[runc]") {
    test::temporary_directory directory;
    auto before = ::umask(077);
    REQUIRE(make_directories(directory.path("a"), 0700));
    CHECK(make_directory_beneath(directory.path(), request_of("a/b/c", 01777)));
    CHECK(make_directory_beneath(directory.path(), request_of("a/b/c", 0700)));
    CHECK(make_directory_beneath(directory.path(), request_of(".")));
    ::umask(before);
    CHECK(mode_of(directory.path("a")) == 0700);
    CHECK(mode_of(directory.path("a/b")) == 01777);
    CHECK(mode_of(directory.path("a/b/c")) == 01777);
}

TEST_CASE("no symbolic link is followed on the way", "[runc]") {
    test::temporary_directory directory;
    test::temporary_directory outside;
    std::filesystem::create_directory_symlink(outside.path(), directory.path("link"));
    auto path = GENERATE(as<std::string>(), "link/a", "link");
    auto refused = make_directory_beneath(directory.path(), request_of(path));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code().value() == ELOOP);
    CHECK(outside.entries().empty());
}

TEST_CASE("a file in the way is an error", "[runc]") {
    test::temporary_directory directory;
    REQUIRE(replace_file(directory.path("file"), "", 0600));
    CHECK(make_directory_beneath(directory.path(), request_of("file/a")).error().code().value() == ENOTDIR);
    CHECK(make_directory_beneath("/nonexistent", request_of("a")).error().kind() == errc::not_found);
}

TEST_CASE("the last directory goes to its owner", "[.][privileged]") {
    test::temporary_directory directory;
    auto request = request_of("a/b");
    request.gid = 0;  // the only one that is mapped in the test's namespace
    CHECK(make_directory_beneath(directory.path(), request));
    request.uid = 77;
    CHECK(make_directory_beneath(directory.path(), request).error().code().value() == EINVAL);
}
