// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/user_lookup.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "runc/machine.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;
using namespace vminit::test;
namespace fs = std::filesystem;

namespace {

using numbers = std::vector<gid_t>;

const std::string passwd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n"
    "broken\n"
    "nginx:x:bad:1:::\n"
    ":x:3:3:::\n"
    "nginx:x:101:102:web:/var/nginx:/sbin/nologin\r\n"
    "twin:x:101:7::/twin:\n"
    "bare:x:55:56\n"
    "last:x:4294967294:9::/last:/bin/sh";

const std::string group =
    "www:x:33:nginx\n"
    "logs:x:four:nginx\n"
    "logs:x:44:bare,nginx,root\n"
    "again:x:33:nginx\n"
    "nginxes:x:45:nginxes\n"
    "empty:x:46:\n";

result<user_identity> find(std::string_view user) {
    user_files files{passwd, group};
    return find_user(user, files);
}

/// A root filesystem with these two, and what lies beside it.
class root_with_users {
public:
    root_with_users() {
        fs::create_directories(root() + "/etc");
        put("etc/passwd", passwd);
        put("etc/group", group);
    }
    std::string root() const { return files_.path("root"); }
    std::string outside(const std::string& name) const { return files_.path(name); }
    void put(const std::string& path, const std::string& text) const {
        REQUIRE(replace_file(root() + "/" + path, text, 0644));
    }
    void remove(const std::string& path) const { fs::remove(root() + "/" + path); }

private:
    temporary_directory files_;
};

}  // namespace

TEST_CASE("users are found as people know it of Docker", "[runc]") {
    struct row {
        std::string user;
        uid_t uid;
        gid_t gid;
        numbers groups;
        std::string home;
    };
    auto wanted = GENERATE(values<row>({{"nginx", 101, 102, {33, 44}, "/var/nginx"},
                                        {"nginx:www", 101, 33, {}, "/var/nginx"},
                                        {"nginx:9", 101, 9, {}, "/var/nginx"},
                                        {"101", 101, 102, {33, 44}, "/var/nginx"},
                                        {"101:empty", 101, 46, {}, "/var/nginx"},
                                        {"7", 7, 0, {}, ""},
                                        {"7:8", 7, 8, {}, ""},
                                        {":www", 0, 33, {}, "/root"},
                                        {"bare", 55, 56, {44}, ""},
                                        {"last", 4294967294, 9, {}, "/last"}}));
    CAPTURE(wanted.user);
    auto found = find(wanted.user);
    REQUIRE(found);
    CHECK(found->uid == wanted.uid);
    CHECK(found->gid == wanted.gid);
    CHECK(found->groups == wanted.groups);
    CHECK(found->home == wanted.home);
}

TEST_CASE("who is not in the files is told by name", "[runc]") {
    CHECK(find("none").error().message() == "no user \"none\" in the container's /etc/passwd: not found");
    CHECK(find("nginx:none").error().message() == "no group \"none\" in the container's /etc/group: not found");
    CHECK(find("broken").error().kind() == errc::not_found);
    CHECK(find("# a comment").error().kind() == errc::not_found);
    CHECK(find("4294967295").error().message() == "user 4294967295 is too large a number: invalid argument");
    CHECK(find("nginx:99999999999999999999").error().kind() == errc::invalid_argument);
    CHECK(find("").error().kind() == errc::invalid_argument);
    CHECK(find(":").error().kind() == errc::invalid_argument);
}

TEST_CASE("a user of more groups than there may be is refused", "[runc]") {
    auto members_of = [](std::size_t count) {
        std::string text;
        for (std::size_t i = 0; i < count; ++i) text += "g:x:" + std::to_string(i) + ":nginx\n";
        user_files files{passwd, text};
        return find_user("nginx", files);
    };
    CHECK(members_of(max_user_groups)->groups.size() == max_user_groups);
    CHECK(members_of(max_user_groups + 1).error().kind() == errc::resource_exhausted);
}

TEST_CASE("numbers need no files, names do", "[runc]") {
    root_with_users here;
    here.remove("etc/passwd");
    here.remove("etc/group");
    CHECK(find_user_in(here.root(), "7")->uid == 7);
    CHECK(find_user_in(here.root(), "7:8")->gid == 8);
    auto refused = find_user_in(here.root(), "nginx");
    CHECK(refused.error().message() ==
          "no user \"nginx\" in the container's /etc/passwd (open /etc/passwd: No such file or directory): not found");
}

TEST_CASE("files are looked for in the root and nowhere else", "[runc]") {
    root_with_users here;
    auto outside = here.outside("passwd");
    REQUIRE(replace_file(outside, "nginx:x:1:1::/outside:\n", 0644));
    here.remove("etc/passwd");
    SECTION("a link by an absolute path") { fs::create_symlink(outside, here.root() + "/etc/passwd"); }
    SECTION("a link upwards") { fs::create_symlink("../../passwd", here.root() + "/etc/passwd"); }
    SECTION("a directory that is a link") {
        fs::remove_all(here.root() + "/etc");
        fs::create_symlink("..", here.root() + "/etc");
    }
    SECTION("a link of procfs") { fs::create_symlink("/proc/self/root" + outside, here.root() + "/etc/passwd"); }
    CHECK(find_user_in(here.root(), "nginx").error().kind() == errc::not_found);
    CHECK(find_user_in(here.root(), "101:5")->home == "");
}

TEST_CASE("a link inside the root leads to the users", "[runc]") {
    root_with_users here;
    fs::rename(here.root() + "/etc/passwd", here.root() + "/users");
    fs::create_symlink("/users", here.root() + "/etc/passwd");
    CHECK(find_user_in(here.root(), "nginx")->uid == 101);
}

TEST_CASE("what is no small regular file is not read", "[runc]") {
    root_with_users here;
    here.remove("etc/passwd");
    auto path = here.root() + "/etc/passwd";
    std::string why = "not a regular file";
    SECTION("a fifo") { REQUIRE(::mkfifo(path.c_str(), 0644) == 0); }
    SECTION("a directory") { fs::create_directories(path + "/sub"); }
    SECTION("a huge file") {
        here.put("etc/passwd", passwd);
        fs::resize_file(path, std::uintmax_t{1} << 40);
        why = "larger than 1 MiB";
    }
    auto refused = find_user_in(here.root(), "nginx");
    CHECK(refused.error().kind() == errc::not_found);
    CHECK(refused.error().message().find(why) != std::string::npos);
    CHECK(find_user_in(here.root(), "7")->uid == 7);
}

TEST_CASE("a process gets numbers for its user's name, and a home", "[runc]") {
    root_with_users here;
    auto fitted = [&](std::string user, std::string env) {
        auto text = with_user_numbers(R"({"user":)" + user + R"(,"env":)" + env + "}", here.root());
        REQUIRE(text);
        return parsed(*text);
    };
    CHECK(fitted(R"({"username":"nginx"})", R"(["A=1"])") ==
          parsed(R"({"user":{"username":"nginx","uid":101,"gid":102,"additionalGids":[33,44]},
                     "env":["A=1","HOME=/var/nginx"]})"));
    CHECK(fitted(R"({"username":"nginx:9","additionalGids":[5]})", R"(["HOME=/x"])") ==
          parsed(R"({"user":{"username":"nginx:9","uid":101,"gid":9,"additionalGids":[5]},"env":["HOME=/x"]})"));
    CHECK(fitted(R"({"username":"nginx","additionalGids":[5]})", R"([1, "HOME=/x"])")
              .at_pointer("/user/additionalGids") == parsed("[5,33,44]"));
    // A host that knows the numbers is believed.
    for (const char* user : {R"({"uid":0,"username":"nginx"})", R"({"gid":3})", R"({"username":7})", "7"}) {
        CHECK(fitted(user, "[]") == parsed(R"({"user":)" + std::string(user) + R"(,"env":[]})"));
    }
    CHECK(with_user_numbers(R"({"user":{"username":"none"}})", here.root()).error().kind() == errc::not_found);
    CHECK(with_user_numbers("[]", here.root()).error().kind() == errc::invalid_argument);
    CHECK(may_name_user(R"({"user":{"username":"nginx"}})"));
    CHECK_FALSE(may_name_user(R"({"user":{"uid":1}})"));
}

TEST_CASE("a spec's user is looked for where its root is", "[runc]") {
    auto options = make_options();
    options.find_user = [](const std::string& root, std::string_view user) -> result<user_identity> {
        user_identity found;
        found.uid = static_cast<uid_t>(root.size());
        found.home = root + " " + std::string(user);
        return found;
    };
    auto [path, root] = GENERATE(table<std::string, std::string>(
        {{R"("root":{"path":"/a/b"},)", "/a/b"}, {R"("root":{"path":"fs"},)", "/fs"}, {"", "/rootfs"}}));
    if (path.find("/a") == std::string::npos) root = options.bundle + root;
    auto fitted = fit_spec("{" + path + R"("process":{"user":{"username":"nginx"}}})", make_machine(), options);
    REQUIRE(fitted);
    CHECK(fitted->root == root);
    auto spec = parsed(fitted->text);
    CHECK(spec.at_pointer("/process/user/uid") == root.size());
    CHECK(spec.at_pointer("/process/env") == parsed(R"(["HOME=)" + root + R"( nginx"])"));
}
