// SPDX-License-Identifier: Apache-2.0
#include "host_cgroup_plan.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::shim;

namespace {

constexpr auto hybrid_mounts =
    "30 23 0:26 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755\n"
    "31 30 0:27 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw\n"
    "32 30 0:28 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd\n"
    "33 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:12 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 30 0:30 /docker/abc /sys/fs/cgroup/memory rw shared:13 - cgroup cgroup rw,memory\n"
    "35 30 0:30 / /elsewhere rw - cgroup cgroup rw,memory\n";

std::string place_of(std::string_view path, std::string_view own = "/") {
    auto place = place_of_cgroup(path, own);
    return place ? *place : "error: " + place.error().message();
}

}  // namespace

TEST_CASE("a hybrid machine has hierarchies of both versions", "[shim]") {
    auto found = parse_hierarchies(hybrid_mounts,
                                   "5:name=systemd:/user.slice\n4:memory:/docker/abc/x\n3:cpu,cpuacct:/\n"
                                   "2:pids:/not/mounted\n0::/init.scope\nnonsense\n");
    REQUIRE(found.size() == 4);
    CHECK(found[0] == cgroup_hierarchy{"/sys/fs/cgroup/systemd", "/user.slice", "name=systemd"});
    CHECK(found[1] == cgroup_hierarchy{"/sys/fs/cgroup/memory", "/x", "memory"});
    CHECK(found[2] == cgroup_hierarchy{"/sys/fs/cgroup/cpu,cpuacct", "/", "cpu,cpuacct"});
    CHECK(found[3] == cgroup_hierarchy{"/sys/fs/cgroup/unified", "/init.scope", ""});
    CHECK(found[3].is_v2());
    CHECK(found[2].has("cpuacct"));
    CHECK_FALSE(found[1].has("cpuset"));
}

TEST_CASE("our own cgroup is told from the hierarchy's mount", "[shim]") {
    for (auto [cgroup, own] :
         {std::pair("/docker/abc", "/"), std::pair("/docker/abcd", "/"), std::pair("/../x", "/")}) {
        auto found = parse_hierarchies(hybrid_mounts, "4:memory:" + std::string(cgroup) + "\n");
        REQUIRE(found.size() == 1);
        CHECK(found[0].own == own);
    }
    CHECK(parse_hierarchies("", "0::/\n").empty());
    CHECK(parse_hierarchies(hybrid_mounts, "").empty());
}

TEST_CASE("cgroupsPath is absolute, relative to our own, or systemd's", "[shim]") {
    auto [path, own, place] = GENERATE(table<std::string, std::string, std::string>({
        {"/default/a", "/own", "/default/a"},
        {"/default//a/", "/own", "/default/a"},
        {"default/a", "/own", "/own/default/a"},
        {"default/a", "/", "/default/a"},
        {"/../../a", "/own", "/a"},
        {"../../a", "/own", "/own/a"},
        {"/kubepods/burstable/podX/one", "/", "/kubepods/burstable/podX/one"},
        {"kubepods-burstable-podx_y.slice:cri-containerd:one", "/own",
         "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx_y.slice/cri-containerd-one.scope"},
        {":runc:one", "/own", "/system.slice/runc-one.scope"},
        {"-.slice:p:one", "/own", "/p-one.scope"},
        {"a.slice::one", "/own", "/a.slice/one.scope"},
        {"a.slice:p:b.slice", "/own", "/a.slice/b.slice"},
        {"/a:b:c", "/", "/a:b:c"},
    }));
    CHECK(place_of(path, own) == place);
}

TEST_CASE("what is no cgroup is refused", "[shim]") {
    auto path = GENERATE("/", "", "/..", "nosuch:p:n", "a-.slice:p:n", "-a.slice:p:n", "a--b.slice:p:n", ".slice:p:n",
                         "a/b.slice:p:n", "a.slice:p:", "a.slice:p:../n", "a.slice:../p:n");
    CAPTURE(path);
    auto place = place_of_cgroup(path, "/");
    REQUIRE_FALSE(place);
    CHECK(place.error().kind() == errc::invalid_argument);
    CHECK(place.error().message().find("cgroupsPath") != std::string::npos);
}
