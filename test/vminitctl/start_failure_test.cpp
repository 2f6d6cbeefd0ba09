// SPDX-License-Identifier: Apache-2.0
#include "start_failure.hpp"

#include <catch2/catch.hpp>
#include <string>
#include <utility>

using namespace vminit;

TEST_CASE("the runtimes' texts tell 127 and 126 from our own failures", "[vminitctl]") {
    // crun 1.8.1, as seen; then runc.
    auto [text, status] = GENERATE(table<std::string, int>({
        {"OCI runtime create failed: executable file `nosuch` not found in $PATH: No such file or directory", 127},
        {"OCI runtime exec failed: executable file `/nosuch` not found in $PATH: No such file or directory", 127},
        {"OCI runtime create failed: open executable: Permission denied", 126},
        {"OCI runtime create failed: open executable: Operation not permitted", 126},
        {"OCI runtime exec failed: chdir `/nosuch`: No such file or directory", 125},
        {"mount serial:root: No such file or directory", 125},
        {"resolve block device by serial \"nosuch\"", 125},
        {"OCI runtime exec failed: container not running", 125},
        {"OCI runtime create failed: exec: \"nosuch\": executable file not found in $PATH", 127},
        {"OCI runtime create failed: exec: \"/nosuch\": stat /nosuch: no such file or directory", 127},
        {"OCI runtime create failed: exec: \"/etc/passwd\": permission denied", 126},
        {"OCI runtime create failed: exec: \"/etc\": is a directory", 126},
        {"OCI runtime create failed: exec /tmp/b: exec format error", 126},
    }));
    CAPTURE(text);
    CHECK(vminitctl::status_of_start_failure(error(errc::unknown, text)) == status);
}
