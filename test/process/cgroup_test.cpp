// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <string>

#include "process/failing_call.hpp"
#include "process/fake_cgroup.hpp"

namespace vminit::process {

namespace {

using pids = std::vector<pid_t>;

struct tree {
    test::fake_cgroup root;
    cgroup group{root.path(), "/default/c1"};

    // Files as at every level of a hierarchy.
    void offer(const std::string& level, const std::string& offered, const std::string& enabled) const {
        root.write(level + "cgroup.controllers", offered);
        root.write(level + "cgroup.subtree_control", enabled);
    }
    std::string written(const std::string& level) const { return root.read(level + "cgroup.subtree_control"); }
};

}  // namespace

TEST_CASE("a process's cgroup is the path of its v2 line", "[cgroup]") {
    CHECK(*parse_proc_cgroup("0::/default/c1\n") == "/default/c1");
    CHECK(*parse_proc_cgroup("0::/c1") == "/c1");
    CHECK(*parse_proc_cgroup("12:pids:/v1\n1:name=systemd:/v1\n0::/a b/c:d\n") == "/a b/c:d");
    CHECK(*parse_proc_cgroup("0::/...\n") == "/...");
    CHECK(*parse_proc_cgroup("0::/sys/fs/cgroups\n") == "/sys/fs/cgroups");
}

TEST_CASE("without a v2 line there is no cgroup", "[cgroup]") {
    for (auto text : {"", "\n", "12:pids:/v1\n", " 0::/c1\n", "10::/c1\n", "0:/c1\n"}) {
        CAPTURE(text);
        auto path = parse_proc_cgroup(text);
        REQUIRE_FALSE(path);
        CHECK(path.error().message() == "cgroup v2 path: not found");
    }
}

TEST_CASE("the root cgroup is nobody's", "[cgroup]") {
    auto path = parse_proc_cgroup("0::/\n");
    REQUIRE_FALSE(path);
    CHECK(path.error().message() == "root cgroup: failed precondition");
}

TEST_CASE("a deleted cgroup is none", "[cgroup]") {
    auto path = parse_proc_cgroup("0::/default/c1 (deleted)\n");
    REQUIRE_FALSE(path);
    CHECK(path.error().message() == "cgroup /default/c1 (deleted): not found");
}

TEST_CASE("cgroup paths that lead elsewhere are refused", "[cgroup]") {
    for (std::string bad : {"", "c1", "/../c1", "/..", "/c1/..", "/c1/../c2", "/./c1", "/c1/.", "//c1", "/c1//c2",
                            "/c1/", "//", "/sys/fs/cgroup", "/sys/fs/cgroup/c1"}) {
        CAPTURE(bad);
        auto path = parse_proc_cgroup("0::" + bad + "\n");
        REQUIRE_FALSE(path);
        CHECK(path.error().message() == "cgroup path " + bad + ": failed precondition");
    }
}

TEST_CASE("a process is looked up in /proc", "[cgroup]") {
    test::fake_cgroup proc;
    proc.write("41/cgroup", "0::/default/c1\n");
    proc.write("42/cgroup", "0::/\n");
    auto group = cgroup::of_process(41, "/sys/fs/cgroup", proc.path());
    REQUIRE(group);
    CHECK(group->path() == "/default/c1");
    CHECK(group->directory() == "/sys/fs/cgroup/default/c1");

    auto root = cgroup::of_process(42, "/sys/fs/cgroup", proc.path());
    REQUIRE_FALSE(root);
    CHECK(root.error().message() == "process 42: root cgroup: failed precondition");

    auto gone = cgroup::of_process(43, "/sys/fs/cgroup", proc.path());
    REQUIRE_FALSE(gone);
    CHECK(gone.error().kind() == errc::not_found);
}

TEST_CASE_METHOD(tree, "the pids of a cgroup are its own and those below, each once", "[cgroup]") {
    root.write("cgroup.procs", "1\n");
    root.write("default/cgroup.procs", "2\n");
    root.write("default/c1/cgroup.procs", "30\n7\n");
    root.write("default/c1/a/cgroup.procs", "8\n7\n0\n");
    root.write("default/c1/a/b/cgroup.procs", "400\n");
    root.make_directory("default/c1/dying");
    CHECK(*group.pids() == pids{7, 8, 30, 400});
}

TEST_CASE_METHOD(tree, "rubbish in cgroup.procs is no pid", "[cgroup]") {
    root.write("default/c1/cgroup.procs", "\nx\n-5\n5 6\n2147483648\n9");
    CHECK(*group.pids() == pids{9});
}

TEST_CASE_METHOD(tree, "a cgroup that is gone has no pids", "[cgroup]") {
    CHECK_FALSE(group.exists());
    CHECK(group.pids()->empty());
    root.write("default/c1/cgroup.procs", "7\n");
    CHECK(group.exists());
    test::failing_call dying("read", ENODEV);
    CHECK(group.pids()->empty());
}

TEST_CASE_METHOD(tree, "an unreadable cgroup.procs is told", "[cgroup]") {
    root.write("default/c1/cgroup.procs", "7\n");
    test::failing_call threaded("read", EOPNOTSUPP, 1);
    auto found = group.pids();
    REQUIRE_FALSE(found);
    CHECK(found.error().message() == "read " + group.directory() + "/cgroup.procs: Operation not supported");
}

TEST_CASE_METHOD(tree, "a threaded cgroup below is left to those above it", "[cgroup]") {
    root.write("default/c1/cgroup.procs", "7\n");
    root.write("default/c1/threaded/cgroup.procs", "8\n");
    test::failing_call threaded("read", EOPNOTSUPP, 1, 2);
    CHECK(*group.pids() == pids{7});
}

TEST_CASE_METHOD(tree, "pids are bounded in number and depth", "[cgroup]") {
    std::string text;
    for (std::size_t pid = 1; pid <= cgroup::max_pids + 5; ++pid) text += std::to_string(pid) + "\n";
    root.write("default/c1/cgroup.procs", text);
    root.write("default/c1/a/cgroup.procs", "4000000\n");
    auto found = group.pids();
    REQUIRE(found);
    CHECK(found->size() == cgroup::max_pids);
    CHECK(found->back() == static_cast<pid_t>(cgroup::max_pids));

    root.write("default/c1/cgroup.procs", "1\n");
    std::string level = "default/c1";
    for (std::size_t depth = 1; depth <= cgroup::max_depth + 1; ++depth) {
        level += "/d";
        root.write(level + "/cgroup.procs", std::to_string(100 + depth) + "\n");
    }
    found = group.pids();
    REQUIRE(found);
    CHECK(found->size() == 2 + cgroup::max_depth);
    CHECK(found->at(cgroup::max_depth) == static_cast<pid_t>(100 + cgroup::max_depth));
}

TEST_CASE_METHOD(tree, "directories looked at are bounded", "[cgroup]") {
    for (std::size_t child = 0; child < cgroup::max_directories + 5; ++child) {
        root.write("default/c1/" + std::to_string(child) + "/cgroup.procs", std::to_string(child + 1) + "\n");
    }
    root.write("default/c1/cgroup.procs", "");
    CHECK(group.pids()->size() == cgroup::max_directories);
}

TEST_CASE_METHOD(tree, "controllers are enabled down to the parent", "[cgroup]") {
    offer("", "cpuset cpu io memory pids\n", "cpu memory\n");
    offer("default/", "cpu memory\n", "");
    offer("default/c1/", "cpu\n", "");
    CHECK(group.enable_controllers().empty());
    CHECK(written("") == "+cpuset +io +pids");
    CHECK(written("default/") == "+cpu +memory");
    CHECK(written("default/c1/").empty());
}

TEST_CASE_METHOD(tree, "controllers that are enabled already are left alone", "[cgroup]") {
    offer("", "cpu memory\n", "memory cpu\n");
    offer("default/", "cpu\n", "cpu\n");
    test::failing_call unwritable("write", EIO);
    CHECK(group.enable_controllers().empty());
}

TEST_CASE_METHOD(tree, "a controller that the kernel refuses does not keep others off", "[cgroup]") {
    offer("", "cpu memory\n", "");
    offer("default/", "", "");
    // The whole line, then the first controller.
    test::failing_call refusing("write", EINVAL, 2);
    auto failures = group.enable_controllers();
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message() == "enable cpu: write " + root.path() + "/cgroup.subtree_control: Invalid argument");
    CHECK(written("") == "+memory");
}

TEST_CASE_METHOD(tree, "a level with processes of its own is left as it is", "[cgroup]") {
    offer("", "cpu memory\n", "");
    offer("default/", "memory\n", "");
    test::failing_call busy("write", EBUSY, 3);
    CHECK(group.enable_controllers().empty());
    CHECK(written("").empty());
    CHECK(written("default/") == "+memory");
}

TEST_CASE_METHOD(tree, "a missing level is told", "[cgroup]") {
    offer("", "", "");
    auto failures = group.enable_controllers();
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].message() ==
          "enable controllers: open " + root.path() + "/default/cgroup.controllers: No such file or directory");
}

TEST_CASE_METHOD(tree, "killing writes 1 to cgroup.kill", "[cgroup]") {
    root.write("default/c1/cgroup.kill", "");
    CHECK(group.kill());
    CHECK(root.read("default/c1/cgroup.kill") == "1");
}

TEST_CASE_METHOD(tree, "killing what is gone succeeds", "[cgroup]") {
    CHECK(group.kill());
    root.write("default/c1/cgroup.kill", "");
    test::failing_call dying("write", ENODEV);
    auto killed = group.kill();
    REQUIRE_FALSE(killed);
    CHECK(killed.error().kind() == errc::not_implemented);
}

TEST_CASE_METHOD(tree, "a kernel without cgroup.kill is told apart", "[cgroup]") {
    root.make_directory("default/c1");
    auto killed = group.kill();
    REQUIRE_FALSE(killed);
    CHECK(killed.error().message() == "cgroup.kill: not implemented");
}

TEST_CASE_METHOD(tree, "removal takes the empty cgroups below with it and leaves parents", "[cgroup]") {
    root.make_directory("default/c1/a/b");
    root.make_directory("default/c1/c");
    CHECK(group.remove());
    CHECK_FALSE(group.exists());
    CHECK(cgroup(root.path(), "/default").exists());
    CHECK(group.remove());
}

TEST_CASE_METHOD(tree, "a busy cgroup is not removed", "[cgroup]") {
    root.make_directory("default/c1");
    test::failing_call busy("rmdir", EBUSY);
    auto removed = group.remove();
    REQUIRE_FALSE(removed);
    CHECK(removed.error().kind() == errc::failed_precondition);
    CHECK(group.exists());
}

}  // namespace vminit::process
