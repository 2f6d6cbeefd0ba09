// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "fake_machine.hpp"
#include "log_line.hpp"
#include "program.hpp"

using namespace vminit;
using namespace vminit::vminitctl;
using test::program;
namespace own = vminit::system::v1;

namespace {

own::LogLine& add_line(program& terminal, std::uint32_t level, std::uint64_t time_us, const char* text) {
    if (terminal.guest.machine->logs.empty()) terminal.guest.machine->logs.emplace_back();
    auto& line = *terminal.guest.machine->logs.back().add_lines();
    line.set_source(own::LogsRequest::KERNEL);
    line.set_level(level);
    line.set_time_us(time_us);
    line.set_text(text);
    return line;
}

}  // namespace

TEST_CASE("dmesg shows both logs, with seconds since the kernel's start", "[vminitctl]") {
    program terminal;
    add_line(terminal, 5, 0, "Linux version 6.1.0");
    add_line(terminal, 6, 1234567, "one\\x0atwo \\xc3\\xa4 \\x1b[m");
    auto& own_line =
        add_line(terminal, 4, 12345678901, R"({"time":"x","level":"warn","msg":"no disk","serial":"a b","n":3})");
    own_line.set_source(own::LogsRequest::VMINITD);
    own_line.set_lost(7);
    add_line(terminal, 6, 12345678902, "late").set_lost(2);
    CHECK(terminal.run({"dmesg"}) == 0);
    CHECK(terminal.output.out_text() ==
          "[    0.000000] Linux version 6.1.0\n"
          "[    1.234567] one\n"
          "[    1.234567] two \xc3\xa4 ?[m\n"
          "[12345.678901] vminitd: warn no disk serial=\"a b\" n=3\n"
          "[12345.678902] late\n");
    CHECK(terminal.output.err_text() ==
          "vminitctl: warning: 7 messages of vminitd before this are lost\n"
          "vminitctl: warning: 2 messages of the kernel before this are lost\n");
    CHECK_FALSE(terminal.guest.machine->logs_asked.follow());
    CHECK_FALSE(terminal.guest.machine->logs_asked.has_level());
    CHECK(terminal.guest.machine->logs_asked.source() == own::LogsRequest::ALL);
}

TEST_CASE("dmesg --json gives a line an object", "[vminitctl]") {
    program terminal;
    auto& line = add_line(terminal, 4, 5, "a \\x22b\\x22 \\xff");
    line.set_sequence(9);
    line.set_lost(1);
    CHECK(terminal.run({"dmesg", "--json", "-f", "--level", "warning", "--kernel"}) == 0);
    CHECK(terminal.output.out_text() ==
          "{\"source\":\"kernel\",\"level\":\"warn\",\"time_us\":5,\"sequence\":9,\"text\":\"a \\\"b\\\" "
          "\xef\xbf\xbd\",\"lost\":1}\n");
    CHECK(terminal.output.err_text().empty());
    CHECK(terminal.guest.machine->logs_asked.follow());
    CHECK(terminal.guest.machine->logs_asked.level() == 4);
    CHECK(terminal.guest.machine->logs_asked.source() == own::LogsRequest::KERNEL);
}

TEST_CASE("dmesg fails as the guest says", "[vminitctl]") {
    program terminal;
    terminal.guest.failures["Logs machine"] = error(errc::not_found, "open /dev/kmsg: No such file or directory");
    CHECK(terminal.run({"dmesg", "--vminitd"}) == exit_failure);
    CHECK(terminal.output.err_text() == "vminitctl: not found: open /dev/kmsg: No such file or directory\n");
    CHECK(terminal.guest.machine->logs_asked.source() == own::LogsRequest::VMINITD);
}

TEST_CASE("levels are those of syslog", "[vminitctl]") {
    CHECK(parse_syslog_level("emerg").value() == 0);
    CHECK(parse_syslog_level("error").value() == 3);
    CHECK(parse_syslog_level("debug").value() == 7);
    CHECK(parse_syslog_level("6").value() == 6);
    for (const char* bad : {"", "8", "-1", "loud"}) CHECK_FALSE(parse_syslog_level(bad));
    CHECK(parse_syslog_level("loud").error().context() ==
          "\"loud\" is none of emerg, alert, crit, err, warn, notice, info, debug");
}

TEST_CASE("only whole escapes of the kernel are taken back", "[vminitctl]") {
    CHECK(without_escapes("\\x41\\x5cx42") == "A\\x42");
    CHECK(without_escapes("\\x4") == "\\x4");
    CHECK(without_escapes("\\xzz \\") == "\\xzz \\");
}
