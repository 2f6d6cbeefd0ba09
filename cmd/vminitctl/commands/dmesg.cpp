// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "log_line.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::vminitctl {

namespace {

namespace wire = vminit::system::v1;

void print(printer& out, const wire::LogLine& line) {
    if (out.is_json()) return out.line(log_facts(line), {});
    if (line.lost() > 0) {
        bool is_kernels = line.source() == wire::LogsRequest::KERNEL;
        out.warn(
            fmt::format("{} messages of {} before this are lost", line.lost(), is_kernels ? "the kernel" : "vminitd"));
    }
    for (const auto& text : shown_lines(line)) out.line({}, text);
}

awaitable<result<int>> dmesg(client_session& guest, wire::LogsRequest request) {
    wire::MachineClient machine(guest.rpc());
    auto logs = machine.Logs(std::move(request), guest.no_limit());
    if (!logs) co_return logs.error();
    for (;;) {
        auto some = co_await logs->read();
        if (!some) co_return some.error();
        if (!*some) co_return 0;
        for (const auto& line : (*some)->lines()) print(guest.out(), line);
        if (!guest.out().can_write()) co_return 0;
    }
}

}  // namespace

void add_dmesg(command_set& commands) {
    auto request = std::make_shared<wire::LogsRequest>();
    auto& command = commands.add(
        "dmesg", "the kernel's log and vminitd's own",
        [request](client_session& guest) { return dmesg(guest, *request); },
        command_traits{needs::guest, status_of::command, true});
    command.add_flag_callback("-f,--follow", [request] { request->set_follow(true); }, "go on with what comes");
    auto set_level = [request](const std::string& text) {
        auto level = parse_syslog_level(text);
        if (!level) throw CLI::ValidationError(level.error().context());
        request->set_level(*level);
    };
    command.add_option_function<std::string>(
        "--level", set_level, "only what is as grave: emerg, alert, crit, err, warn, notice, info, debug");
    auto* kernel = command.add_flag_callback(
        "--kernel", [request] { request->set_source(wire::LogsRequest::KERNEL); }, "only the kernel's");
    command
        .add_flag_callback(
            "--vminitd", [request] { request->set_source(wire::LogsRequest::VMINITD); },
            "only vminitd's, the last 64 KiB")
        ->excludes(kernel);
    command.footer(
        "Times are seconds since the kernel's start. What the guest has no room for is lost, and said to be.");
}

}  // namespace vminit::vminitctl
