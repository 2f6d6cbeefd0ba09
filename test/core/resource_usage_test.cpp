// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/resource_usage.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <vector>

#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

using namespace vminit;

namespace {

/// A /proc with one process in it, called `) R 1 2`.
class proc_directory {
public:
    proc_directory() {
        REQUIRE(make_directories(directory.path("self/fd"), 0755));
        write("statm", "9000 700 300 20 0 400 0\n");
        write("stat", "1 () R 1 2) S 0 1 1 0 -1 4194560 11 22 33 44 150 50 7 8 20 0 3 0 5 9216000 700\n");
        for (const char* name : {"fd/0", "fd/1", "fd/7"}) write(name, "");
    }

    void write(const std::string& name, const std::string& text) {
        REQUIRE(replace_file(directory.path("self/" + name), text, 0644));
    }

    test::temporary_directory directory;
};

}  // namespace

TEST_CASE("what we use is read from procfs, whatever the process is called", "[core]") {
    proc_directory proc;
    auto usage = read_resource_usage(proc.directory.path());
    REQUIRE(usage);
    CHECK(usage->resident_bytes == 700u * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
    CHECK(usage->cpu == std::chrono::milliseconds(200 * 1000 / ::sysconf(_SC_CLK_TCK)));
    CHECK(usage->threads == 3);
    CHECK(usage->open_files == 2);  // one of the three is taken for the look itself
}

TEST_CASE("files of procfs that are missing or make no sense are errors", "[core]") {
    proc_directory proc;
    SECTION("missing") { CHECK(read_resource_usage("/nonexistent").error().kind() == errc::not_found); }
    SECTION("empty") {
        proc.write("statm", "");
        CHECK(read_resource_usage(proc.directory.path()).error().kind() == errc::internal);
    }
    SECTION("no number") {
        proc.write("stat", "1 (x) S a b c d e f g h i j k l m n o p q r s t u\n");
        CHECK(read_resource_usage(proc.directory.path()).error().kind() == errc::internal);
    }
}

TEST_CASE("the usage of this very process moves with it", "[core]") {
    auto before = read_resource_usage();
    REQUIRE(before);
    CHECK(before->resident_bytes > 0);
    CHECK(before->threads >= 1);
    auto pipe = syscalls::pipe().value();
    auto after = read_resource_usage();
    REQUIRE(after);
    CHECK(after->open_files == before->open_files + 2);
}
