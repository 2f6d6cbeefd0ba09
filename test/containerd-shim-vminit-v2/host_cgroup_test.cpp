// SPDX-License-Identifier: Apache-2.0
#include "host_cgroup.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>

#include "support/io_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/reaper_service.hpp"

using namespace vminit;
using namespace vminit::test;
using namespace vminit::shim;

namespace {

namespace fs = std::filesystem;

std::atomic<int> refusals{0};
int refuse_some(std::string_view call) { return call == "rmdir" && refusals-- > 0 ? EBUSY : 0; }

/// A machine with version 2, memory and cpuset, whose files are plain ones.
struct machine : io_fixture {
    machine() {
        asio::make_service<reaper::reaper_service>(ctx);
        std::string mounts, own;
        for (auto [name, controllers] :
             {std::pair("unified", ""), std::pair("memory", "memory"), std::pair("cpuset", "cpuset")}) {
            mounts += "30 1 0:30 / " + tree.path(name) + " rw - " + (*controllers == 0 ? "cgroup2" : "cgroup") +
                      " cgroup rw," + controllers + "\n";
            own += "1:" + std::string(controllers) + ":/\n";
            fs::create_directory(tree.path(name));
        }
        write("mountinfo", mounts);
        write("cgroup", own);
        for (const auto* hierarchy : {"unified", "memory", "cpuset"}) make(hierarchy + std::string("/a/one"));
        for (const auto* level : {"cpuset", "cpuset/a", "cpuset/a/one"}) {
            write(level + std::string("/cpuset.cpus"), "");
            write(level + std::string("/cpuset.mems"), "");
        }
        write("cpuset/cpuset.cpus", "0-3\n");
        write("cpuset/cpuset.mems", "0\n");
    }
    ~machine() { syscalls::set_fault_hook(nullptr); }

    // What the kernel would put into a new cgroup.
    void make(const std::string& cgroup) {
        fs::create_directories(tree.path(cgroup));
        write(cgroup + "/cgroup.procs", "");
    }
    void write(const std::string& name, std::string_view text) { REQUIRE(replace_file(tree.path(name), text, 0644)); }
    std::string read(const std::string& name) { return read_file(tree.path(name)).value(); }
    bool exists(const std::string& name) { return fs::exists(tree.path(name)); }
    // Nothing but empty directories can be removed from a real file system.
    void empty() {
        for (const auto* hierarchy : {"unified", "memory", "cpuset"}) {
            for (const auto& file : fs::directory_iterator(tree.path(hierarchy + std::string("/a/one"))))
                fs::remove(file);
        }
    }

    temporary_directory tree;
    temporary_directory vm;
    host_cgroup cgroup{ctx, vm.path(), tree.path()};
};

}  // namespace

TEST_CASE_METHOD(machine, "a VM's cgroup is made in each hierarchy, tried out, and removed", "[shim]") {
    write("unified/cgroup.controllers", "cpu hugetlb memory\n");
    write("unified/cgroup.subtree_control", "");
    REQUIRE(run(cgroup.prepare("/a/one")));
    CHECK(read("memory/a/one/cgroup.procs") == "0");
    CHECK(read("cpuset/a/cpuset.cpus") == "0-3");
    CHECK(read("cpuset/a/one/cpuset.mems") == "0");
    CHECK(read("unified/cgroup.subtree_control") == "+memory");  // the last of the two that are asked for
    vmm::vm_plan plan;
    cgroup.add_to(plan);
    CHECK(plan.cgroup_procs == std::vector<std::string>{tree.path("unified/a/one/cgroup.procs"),
                                                        tree.path("memory/a/one/cgroup.procs"),
                                                        tree.path("cpuset/a/one/cgroup.procs")});
    CHECK(vm.entries() == std::vector<std::string>{"cgroup"});
    empty();
    run(cgroup.undo());
    CHECK_FALSE(exists("memory/a/one"));
    CHECK(exists("memory/a"));  // others' cgroups may lie in it
    CHECK(vm.entries().empty());
    run(cgroup.undo());
}

TEST_CASE_METHOD(machine, "directories that are missing are made", "[shim]") {
    fs::remove_all(tree.path("cpuset"));
    write("cgroup", "1:memory:/own\n");
    auto refused = run(cgroup.prepare("b/two"));  // nothing can enter a directory that is not the kernel's
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("memory/own/b/two/cgroup.procs") != std::string::npos);
    CHECK(exists("memory/own/b"));
    CHECK_FALSE(exists("memory/own/b/two"));
    CHECK(vm.entries().empty());
}

TEST_CASE_METHOD(machine, "what cannot be made is undone", "[shim]") {
    fs::remove(tree.path("cpuset/a/cpuset.cpus"));
    fs::remove(tree.path("memory/a/one/cgroup.procs"));
    auto refused = run(cgroup.prepare("/a/one"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message().find("cpuset/a/cpuset.cpus") != std::string::npos);
    CHECK_FALSE(exists("memory/a/one"));
    vmm::vm_plan plan;
    cgroup.add_to(plan);
    CHECK(plan.cgroup_procs.empty());
    CHECK(run(cgroup.prepare("/")).error().kind() == errc::invalid_argument);
    CHECK(run(cgroup.prepare("")));
}

TEST_CASE_METHOD(machine, "memory is limited where there is a file for it", "[shim]") {
    CHECK(run(cgroup.limit_memory(1)));  // no cgroup, nothing to limit
    REQUIRE(run(cgroup.prepare("/a/one")));
    CHECK(run(cgroup.limit_memory(1 << 20)).error().kind() == errc::not_implemented);
    auto file = GENERATE("memory/a/one/memory.limit_in_bytes", "unified/a/one/memory.max");
    write(file, "");
    CHECK(run(cgroup.limit_memory(1 << 20)));
    CHECK(read(file) == "1048576");
}

TEST_CASE_METHOD(machine, "a cgroup that is in use for a moment longer goes then", "[shim]") {
    REQUIRE(run(cgroup.prepare("/a/one")));
    empty();
    refusals = 5;  // each of three, and two of them again
    syscalls::set_fault_hook(refuse_some);
    SECTION("of this process") { run(cgroup.undo()); }
    SECTION("of one that was killed") { run(undo_recorded_cgroup(ctx, vm.path())); }
    CHECK_FALSE(exists("unified/a/one"));
    CHECK_FALSE(exists("memory/a/one"));
    CHECK_FALSE(exists("cpuset/a/one"));
    CHECK(vm.entries().empty());
    CHECK(lines.empty());
}

TEST_CASE_METHOD(machine, "a cgroup that stays in use is left, and told", "[shim]") {
    REQUIRE(run(cgroup.prepare("/a/one")));
    run(cgroup.undo());  // the files keep it
    CHECK(exists("memory/a/one"));
    CHECK(has_line("the VM's cgroup stays"));
    CHECK(has_line("unified/a/one"));
    CHECK(vm.entries().empty());
}

TEST_CASE_METHOD(io_fixture, "where nothing was recorded nothing is removed", "[shim]") {
    temporary_directory vm;
    run(undo_recorded_cgroup(ctx, vm.path()));
    CHECK(lines.empty());
}
