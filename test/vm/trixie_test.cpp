// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cstdlib>

#include "client_program.hpp"
#include "inside/pattern.hpp"
#include "support/temporary_directory.hpp"
#include "virtual_machine.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::test;

// The kernel of Debian 13 (6.12 with stable fixes) gives a VMM what is more than 32 KiB in several pieces, which not
// all VMMs take (core/stream_send.hpp). A byte that is lost there holds its connection for good, so this ends by its
// limit then.

namespace {

constexpr std::size_t much = std::size_t{4} << 20;

virtual_machine boot_trixie() {
    ::setenv("VMINIT_KERNEL", "trixie", 1);
    return virtual_machine({"--memory", "512M"});
}

}  // namespace

TEST_CASE("with the kernel of Debian 13 every byte of large outputs, files and answers gets out", "[vm]") {
    auto machine = boot_trixie();
    auto run = [&](std::vector<std::string> words) { return client_program(machine.address(), std::move(words)); };

    auto output = run({"run", "--rootfs", "root", "writer", "--", "/bin/worker", "pattern", std::to_string(much)});
    pattern_check check;
    check.take(output.rest());
    CHECK(check.total() == much);
    CHECK(check.is_intact());
    CHECK(output.wait() == 0);

    temporary_directory dir;
    std::string bytes(much, '\0');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 23);
    REQUIRE(replace_file(dir.path("sent"), bytes, 0644));
    auto sleeper = run({"run", "-d", "--rootfs", "root", "--tmpfs", "/t", "box", "--", "/bin/sleep", "100000"});
    REQUIRE(sleeper.wait() == 0);
    CHECK(run({"cp", dir.path("sent"), "box:/t/file"}).wait() == 0);
    CHECK(run({"cp", "box:/t/file", dir.path("back")}).wait() == 0);
    CHECK((read_file(dir.path("back"), much + 1).value() == bytes));
    CHECK(run({"delete", "-f", "box"}).wait() == 0);
}
