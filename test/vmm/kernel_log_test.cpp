// SPDX-License-Identifier: Apache-2.0
#include "vmm/kernel_log.hpp"

#include <catch2/catch.hpp>

using namespace vminit::vmm;

namespace {

/// A record as it lies in the kernel's buffer: 8 bytes of its own, the text, padding.
std::string in_memory(const std::string& text) { return std::string(8, '\x01') + text + std::string(3, '\0'); }

}  // namespace

TEST_CASE("a kernel's log is found in its memory by its first two messages", "[vmm]") {
    auto banner = in_memory("Linux version 6.1.0 (nobody@nowhere)");
    auto log = banner + in_memory("Command line: console=ttyS0") + in_memory("tsc: Detected") + in_memory("ab");
    std::string memory = std::string(1000, '\xff') + banner + std::string(2000, 'y') + log;
    auto found = find_kernel_log(memory);
    REQUIRE(found);
    CHECK(*found == "Linux version 6.1.0 (nobody@nowhere)\nCommand line: console=ttyS0\ntsc: Detected\n");
    CHECK_FALSE(find_kernel_log(std::string(1000, '\xff') + banner + std::string(300000, 'x')));
    CHECK_FALSE(find_kernel_log(""));
}

TEST_CASE("the story of a kernel ends where its tasks are listed, of which PID 1's threads matter", "[vmm]") {
    auto story = story_of(
        "Linux version 6.1\nRun /init as init process\nsysrq: Show State\n"
        "task:init            state:S stack:0\nCall Trace: a\ntask:kthreadd state:S\nCall Trace: b\n"
        "task:init            state:R\nCall Trace: c");
    CHECK(story.messages == "Linux version 6.1\nRun /init as init process\n");
    CHECK(story.has_started_init());
    CHECK(story.init_threads ==
          "task:init            state:S stack:0\nCall Trace: a\ntask:init            state:R\nCall Trace: c\n");
    CHECK_FALSE(story_of("Linux version 6.1\n").has_started_init());
    CHECK(story_of("").messages.empty());
}

TEST_CASE("the last lines of a text", "[vmm]") {
    CHECK(last_lines("one\ntwo\nthree\n", 2) == "two\nthree\n");
    CHECK(last_lines("one\ntwo", 1) == "two\n");
    CHECK(last_lines("one", 5) == "one\n");
    CHECK(last_lines("\n", 5).empty());
}
