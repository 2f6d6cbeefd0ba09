// SPDX-License-Identifier: Apache-2.0
#include <filesystem>

#include "file_copy.hpp"
#include "program.hpp"
#include "support/temporary_directory.hpp"
#include "vminit/core/file.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
namespace fs = std::filesystem;
namespace wire = vminit::process::v1;

namespace {

using console = test::program;

wire::FilePiece entry(wire::FilePiece::Kind kind, const std::string& path, const std::string& target = {}) {
    wire::FilePiece piece;
    piece.set_kind(kind);
    piece.set_path(path);
    piece.set_mode(kind == wire::FilePiece::DIRECTORY ? 0500 : 04644);
    piece.set_uid(12345);
    piece.set_target(target);
    return piece;
}

wire::FilePiece bytes(std::string data) {
    wire::FilePiece piece;
    piece.set_data(std::move(data));
    return piece;
}

}  // namespace

TEST_CASE("a place with a colon is in a container", "[vminitctl]") {
    auto there = parse_copy_place("web:/etc/a:b").value();
    CHECK(there.container == "web");
    CHECK(there.path == "/etc/a:b");
    for (auto text : {"a", "/a:b", "./a:b", "a/b:c"}) {
        CHECK(parse_copy_place(text).value().container == "");
        CHECK(parse_copy_place(text).value().path == text);
    }
    for (auto text : {"", "web:", ":/a"}) CHECK_FALSE(parse_copy_place(text));
}

TEST_CASE("a copy has the name of what is copied", "[vminitctl]") {
    CHECK(name_of_copy("/etc/passwd") == "passwd");
    CHECK(name_of_copy("etc//") == "etc");
    for (auto path : {"/", ".", "/etc/.", "..", "/etc/.."}) CHECK(name_of_copy(path) == "");
}

TEST_CASE("cp takes files out of a container", "[vminitctl]") {
    console terminal;
    test::temporary_directory dir;
    terminal.guest.files = {
        entry(wire::FilePiece::DIRECTORY, ""),     entry(wire::FilePiece::FILE, "f"),   bytes("on"), bytes("e"),
        entry(wire::FilePiece::SYMLINK, "l", "f"), entry(wire::FilePiece::OTHER, "dev")};
    CHECK(terminal.run({"cp", "-L", "web:/etc/app", dir.path(), "--json"}) == 0);
    CHECK(terminal.output.out_text() == "{\"entries\":3,\"bytes\":3}\n");
    CHECK(terminal.output.err_text() ==
          "vminitctl: warning: dev is not copied: neither file, directory nor symbolic link\n");
    CHECK(read_file(dir.path("app/f")).value() == "one");
    CHECK(fs::read_symlink(dir.path("app/l")) == "f");
    CHECK((fs::status(dir.path("app/f")).permissions() & fs::perms::mask) == fs::perms(0644));
    CHECK((fs::status(dir.path("app")).permissions() & fs::perms::mask) == fs::perms(0700));
    CHECK(terminal.guest.files_asked.path() == "/etc/app");
    CHECK(terminal.guest.files_asked.follow());
}

TEST_CASE("a guest that sends other names than it should writes nowhere else", "[vminitctl]") {
    console terminal;
    test::temporary_directory dir;
    REQUIRE(replace_file(dir.path("secret"), "secret", 0600));
    fs::create_directory(dir.path("into"));
    auto evil = GENERATE(as<std::string>{}, "../secret", "link/secret", "/secret");
    terminal.guest.files = {entry(wire::FilePiece::DIRECTORY, ""), entry(wire::FilePiece::SYMLINK, "link", dir.path()),
                            entry(wire::FilePiece::FILE, evil), bytes("stolen")};
    CHECK(terminal.run({"cp", "web:/app", dir.path("into")}) == exit_failure);
    CHECK(read_file(dir.path("secret")).value() == "secret");
}

TEST_CASE("cp puts files into a container", "[vminitctl]") {
    console terminal;
    test::temporary_directory dir;
    fs::create_directory(dir.path("app"));
    REQUIRE(replace_file(dir.path("app/f"), std::string(100000, 'x'), 04755));
    CHECK(terminal.run({"cp", dir.path("app"), "web:/srv"}) == 0);
    const auto& put = terminal.guest.files_put;
    REQUIRE(put.size() == 5);
    CHECK(put[0].place().id() == "web");
    CHECK(put[0].place().path() == "/srv");
    CHECK(put[0].place().name() == "app");
    CHECK(put[1].kind() == wire::FilePiece::DIRECTORY);
    CHECK(put[2].path() == "f");
    CHECK(put[2].mode() == 0755);
    CHECK(put[2].uid() == 0);
    CHECK(put[3].data().size() + put[4].data().size() == 100000);
}

TEST_CASE("cp says what went wrong, the guest's words too", "[vminitctl]") {
    console terminal;
    test::temporary_directory dir;
    CHECK(terminal.run({"cp", dir.path("none"), "web:/srv"}) == exit_failure);
    CHECK(terminal.output.err_text() ==
          "vminitctl: not found: open " + dir.path("none") + ": No such file or directory\n");
    terminal.guest.failures["WriteFiles"] = error(errc::resource_exhausted, "8 copies are under way already");
    CHECK(terminal.run({"cp", dir.path(), "web:/srv"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: resource exhausted: 8 copies are under way already\n");
}
