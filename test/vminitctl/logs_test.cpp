// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::fake_process;

namespace {

using console = test::program;
using calls = std::vector<std::string>;

vminit::process::v1::LogsResponse piece(std::string data, std::uint64_t lost = 0) {
    vminit::process::v1::LogsResponse made;
    made.set_data(std::move(data));
    made.set_lost(lost);
    return made;
}

}  // namespace

TEST_CASE("run --log lets the guest keep the output, both in one", "[vminitctl]") {
    console terminal;
    CHECK(terminal.run({"run", "web", "-d", "--log", "--rootfs", "root", "--", "x"}) == 0);
    CHECK(terminal.guest.created.stdout() == "log://");
    CHECK(terminal.guest.created.stderr() == "log://");
}

TEST_CASE("logs prints what is kept, byte for byte, and says what is not", "[vminitctl]") {
    console terminal;
    std::string bytes("one\n\0\x1b[1mtwo", 12);
    terminal.guest.log = {piece("", 5), piece(bytes), piece("three\n", 7)};
    CHECK(terminal.run({"logs", "web"}) == 0);
    CHECK(terminal.output.out_text() == bytes + "three\n");
    CHECK(terminal.output.err_text() ==
          "vminitctl: warning: 5 bytes of output are not kept any more\nvminitctl: warning: 7 bytes of output are not "
          "kept any more\n");
    CHECK_FALSE(terminal.guest.logs_asked.follow());
    CHECK_FALSE(terminal.guest.logs_asked.has_tail());
}

TEST_CASE("logs asks for the last lines, and to go on", "[vminitctl]") {
    console terminal;
    terminal.guest.log = {piece("x")};
    CHECK(terminal.run({"logs", "-f", "--tail", "0", "--exec", "e", "web", "--json"}) == 0);
    CHECK(terminal.guest.calls == calls{"Logs web/e"});
    CHECK(terminal.guest.logs_asked.follow());
    CHECK(terminal.guest.logs_asked.has_tail());
    CHECK(terminal.guest.logs_asked.tail() == 0);
    CHECK(terminal.output.err_text() == "{\"id\":\"web\",\"bytes\":1,\"lost\":0}\n");
}

TEST_CASE("logs of what is not kept is a refusal", "[vminitctl]") {
    console terminal;
    terminal.guest.failures["Logs"] = error(errc::failed_precondition, "its output is not kept");
    CHECK(terminal.run({"logs", "web"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: failed precondition: its output is not kept\n");
}

TEST_CASE("attach follows what runs and exits with its status", "[vminitctl]") {
    console terminal;
    terminal.guest.process = [](fake_process&) -> awaitable<std::uint32_t> { co_return 3; };
    REQUIRE(terminal.guest.add_process("web", "", "", "", ""));
    terminal.guest.start_process("web", "");
    terminal.guest.log = {piece("later\n")};
    CHECK(terminal.run({"attach", "web"}) == 3);
    CHECK(terminal.output.out_text() == "later\n");
    CHECK(terminal.guest.calls == calls{"Logs web", "Wait web"});
    CHECK(terminal.guest.logs_asked.follow());
    CHECK(terminal.guest.logs_asked.has_tail());
}
