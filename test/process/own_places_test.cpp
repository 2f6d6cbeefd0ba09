// SPDX-License-Identifier: Apache-2.0
#include "process/own_places.hpp"

#include <catch2/catch.hpp>

using namespace vminit;
using namespace vminit::process;

TEST_CASE("only what lies directly where bundles are made is ours", "[process]") {
    CHECK(is_own_bundle("/run/bundles/web", "/run/bundles"));
    CHECK(is_own_bundle("/run/bundles/..web", "/run/bundles"));
    auto foreign =
        GENERATE(as<std::string>(), "/run/bundles", "/run/bundles/", "/run/bundles/.", "/run/bundles/..",
                 "/run/bundles/web/", "/run/bundles/web/rootfs", "/run/bundles/../x", "/run/bundles//web",
                 "/run/bundlesx/web", "/run/web", "run/bundles/web", "");
    CHECK_FALSE(is_own_bundle(foreign, "/run/bundles"));
    CHECK_FALSE(is_own_bundle("/web", ""));
}

TEST_CASE("a runtime keeps its state where nobody else keeps anything", "[process]") {
    auto good = GENERATE(as<std::string>(), "", "/run/runc", "/run/containerd/runc/k8s.io", "/run//runc/", "/runx",
                         "/run/bundlesx", "/run/..x");
    CHECK(check_runtime_root(good, "/run/bundles"));
}

TEST_CASE("a runtime root that holds others' things is refused", "[process]") {
    auto [root, why] = GENERATE(table<std::string, std::string>({{"run/runc", "not an absolute path"},
                                                                 {".", "not an absolute path"},
                                                                 {"/run/../run", "not a plain path"},
                                                                 {"/run/./runc", "not a plain path"},
                                                                 {std::string("/run/\0x", 7), "not a path"},
                                                                 {"/", "the root of the file system"},
                                                                 {"//", "the root of the file system"},
                                                                 {"/run", "bundles lie there"},
                                                                 {"/run/", "bundles lie there"},
                                                                 {"/run/bundles", "bundles lie there"},
                                                                 {"/run/bundles/web", "bundles lie there"},
                                                                 {"//run//bundles/", "bundles lie there"}}));
    auto refused = check_runtime_root(root, "/run/bundles");
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == error(errc::invalid_argument, "runtime root \"" + root + "\": " + why));
    CHECK(check_runtime_root("/run", ""));
}
