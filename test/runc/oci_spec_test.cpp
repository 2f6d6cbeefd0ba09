// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/oci_spec.hpp"

#include <catch2/catch.hpp>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::runc;

TEST_CASE("a private pid namespace is one without a path", "[runc]") {
    auto [namespaces, expected] =
        GENERATE(table<std::string, bool>({{R"([{"type": "mount"}, {"type": "pid"}])", true},
                                           {R"([{"type": "pid", "path": ""}])", true},
                                           {R"([{"type": "pid", "path": "/proc/1/ns/pid"}])", false},
                                           {R"([{"type": "mount"}])", false},
                                           {R"([])", false},
                                           {R"([5, "pid"])", false},
                                           {R"({"type": "pid"})", false}}));
    CHECK(has_private_pid_namespace(R"({"linux": {"namespaces": )" + namespaces + "}}") == expected);
}

TEST_CASE("a spec that cannot be read has no private pid namespace", "[runc]") {
    for (const char* text : {"", "{", "[]", "{}", R"({"linux": 5})"}) CHECK_FALSE(has_private_pid_namespace(text));
    CHECK_FALSE(bundle_has_private_pid_namespace("/nonexistent"));
    test::temporary_directory directory;
    REQUIRE(replace_file(directory.path("config.json"), R"({"linux": {"namespaces": [{"type": "pid"}]}})", 0600));
    CHECK(bundle_has_private_pid_namespace(directory.path()));
}
