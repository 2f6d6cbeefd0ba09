// SPDX-License-Identifier: Apache-2.0
#include "api/start_requirements.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::api;

TEST_CASE("what keeps containers from being started is found by trying", "[api]") {
    test::temporary_directory directory;
    start_requirements wanted;
    wanted.runtime = directory.path("crun");
    wanted.runtime_state = directory.path("not/made/yet");
    wanted.cgroup_root = directory.path();
    REQUIRE(replace_file(wanted.runtime, "", 0755));
    CHECK(start_obstacles(wanted).empty());
    SECTION("no runtime") {
        REQUIRE(::unlink(wanted.runtime.c_str()) == 0);
        CHECK(start_obstacles(wanted) == "access " + wanted.runtime + ": No such file or directory");
    }
    SECTION("a runtime that may not be executed") {
        REQUIRE(replace_file(wanted.runtime, "", 0644));
        CHECK(start_obstacles(wanted) == "access " + wanted.runtime + ": Permission denied");
    }
    SECTION("a runtime that is looked up when it is started") {
        wanted.runtime = "crun";
        CHECK(start_obstacles(wanted).empty());
    }
    SECTION("nothing to throw away to, no cgroups: all is told") {
        wanted.null_device = directory.path("null");
        wanted.cgroup_root = directory.path("cgroup");
        CHECK(start_obstacles(wanted) == "open " + wanted.null_device + ": No such file or directory; access " +
                                             wanted.cgroup_root + ": No such file or directory");
    }
}

// procfs has no room for anybody, wherever the tests run.
TEST_CASE("a filesystem without room for the runtime's state is an obstacle", "[api]") {
    start_requirements wanted;
    wanted.runtime_state = "/proc/sys";
    CHECK(start_obstacles(wanted).find("/proc/sys is full, 0 bytes and ") == 0);
}
