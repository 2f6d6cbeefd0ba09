// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_error.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

#include "vminit/core/syscalls.hpp"

using namespace vminit;
using namespace vminit::runc;

TEST_CASE("operating system errors read as Go prints them", "[runc]") {
    CHECK(os_text(error(syscalls::detail::errno_code(ENOENT), "fork/exec /sbin/crun")) ==
          "fork/exec /sbin/crun: no such file or directory");
    CHECK(os_text(error(syscalls::detail::errno_code(EACCES), "fork/exec /x")) == "fork/exec /x: permission denied");
    CHECK(os_text(error(syscalls::detail::errno_code(ENOEXEC), "fork/exec /x")) == "fork/exec /x: exec format error");
    CHECK(os_text(error(errc::not_found, "exec: \"runc\": executable file not found in $PATH")) ==
          "exec: \"runc\": executable file not found in $PATH");
}

TEST_CASE("a failed exit names the command, the status and the output", "[runc]") {
    CHECK(exit_text("/sbin/crun", 1, "") == "/sbin/crun did not terminate successfully: exit status 1");
    CHECK(exit_text("runc", 137, "boom\n") == "runc did not terminate successfully: exit status 137: boom\n");
}

TEST_CASE("the last line of an output is the last that says something", "[runc]") {
    auto [output, expected] = GENERATE(table<std::string, std::string>(
        {{"", ""}, {"\n\n", ""}, {"one", "one"}, {"one\ntwo\n", "two"}, {"one\n  two  \n \n", "two"}}));
    CHECK(last_line(output) == expected);
}

TEST_CASE("both runtimes' texts for a missing container are recognised", "[runc]") {
    auto [text, expected] = GENERATE(
        table<std::string, bool>({{"container does not exist", true},
                                  {"exec failed: container does not exist", true},
                                  {"error opening file `/run/runc/web/status`: No such file or directory", true},
                                  {"cannot open directory `/run/runc/web`: No such file or directory", true},
                                  {"container `web` does not exist: error opening file", true},
                                  {"cannot open directory `/run/runc/other`: No such file or directory", false},
                                  {"open /run/runc/web/status: Permission denied", false},
                                  {"container not running", false}}));
    CHECK(says_gone(text, "/run/runc", "web") == expected);
}

TEST_CASE("both runtimes' texts for a dead process are recognised", "[runc]") {
    auto [text, expected] = GENERATE(table<std::string, bool>({{"os: process already finished", true},
                                                               {"container not running", true},
                                                               {"process not running: No such process", true},
                                                               {"kill container: No such process", true},
                                                               {"NO SUCH PROCESS", true},
                                                               {"the container `web` is not running", true},
                                                               {"unable to signal init: invalid argument", false},
                                                               {"container does not exist", false}}));
    CHECK(says_dead(text) == expected);
}

TEST_CASE("what a kernel without device programs lacks is named", "[runc]") {
    auto text = GENERATE(
        as<std::string>(), "bpf create ``: Invalid argument",
        "unable to apply cgroup configuration: bpf_prog_query(BPF_CGROUP_DEVICE) failed: function not implemented");
    CHECK(explained(text) ==
          text + " (the container's devices are confined, for which the kernel needs CONFIG_CGROUP_BPF)");
    CHECK(explained("open `/nosuch`: No such file or directory") == "open `/nosuch`: No such file or directory");
}
