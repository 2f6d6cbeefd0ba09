// SPDX-License-Identifier: Apache-2.0
#include "shim_paths.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::shim;

TEST_CASE("a container is in the group that its annotations name", "[shim]") {
    CHECK(group_of(R"({"annotations":{"io.kubernetes.cri.sandbox-id":"pod"}})", "c") == "pod");
    CHECK(group_of(R"({"annotations":{"io.kubernetes.cri.sandbox-id":"pod","io.containerd.runc.v2.group":"g"}})",
                   "c") == "g");
    auto alone = GENERATE(R"({})", R"({"annotations":{}})", R"({"annotations":[]})",
                          R"({"annotations":{"io.containerd.runc.v2.group":""}})", "no JSON", "[]");
    CHECK(group_of(alone, "c") == "c");
}

TEST_CASE("paths are the same for the same group, and found again from the address", "[shim]") {
    auto paths = paths_of("/run/s", "/run/vminit", "/c.sock", "default", "g");
    CHECK(paths.socket == paths_of("/run/s", "/run/vminit", "/c.sock", "default", "g").socket);
    CHECK(paths.socket != paths_of("/run/s", "/run/vminit", "/c.sock", "other", "g").socket);
    CHECK(paths.socket != paths_of("/run/s", "/run/vminit", "/d.sock", "default", "g").socket);
    auto long_id = paths_of("/run/containerd/s", "/run/vminit", "/c.sock", "k8s.io", std::string(76, 'x'));
    CHECK(long_id.socket.size() < 106);
    CHECK(long_id.vm.size() < 90);
    auto again = paths_at("unix://" + paths.socket, "/run/vminit");
    REQUIRE(again);
    CHECK(again->socket == paths.socket);
    CHECK(again->vm == paths.vm);
    for (const auto* wrong : {"", "unix://", "unix:///", "/run/s/x", "vsock://2:3"})
        CHECK_FALSE(paths_at(wrong, "/run/vminit"));
}
