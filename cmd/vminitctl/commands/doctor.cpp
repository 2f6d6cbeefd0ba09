// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <boost/json.hpp>
#include <iterator>

#include "client_session.hpp"
#include "clock_comparison.hpp"
#include "commands/commands.hpp"
#include "diagnosis.hpp"
#include "vminit/system/v1/machine.ttrpc.hpp"

namespace vminit::vminitctl {

namespace {

namespace wire = vminit::system::v1;

constexpr std::string_view titles[] = {"state", "check", "text"};

void append(findings& all, findings more) { std::move(more.begin(), more.end(), std::back_inserter(all)); }

// What cannot be asked is a finding, too: of a guest that is older than the question, one that can be done without.
findings unanswered(std::string subject, const error& failure) {
    bool is_unknown = failure.kind() == errc::not_implemented;
    return {{std::move(subject), is_unknown ? diagnosis::absent : diagnosis::degraded, error_line(failure)}};
}

awaitable<findings> look_at_health(client_session& guest) {
    auto system = guest.system();
    auto health = co_await system.Health({}, guest.call_limit());
    if (!health) co_return unanswered("health", health.error());
    co_return findings_of(*health);
}

awaitable<findings> look_at_clock(client_session& guest) {
    auto clocks = co_await compare_clocks(guest);
    if (!clocks) co_return unanswered("clock", clocks.error());
    co_return findings_of(*clocks);
}

awaitable<findings> look_at_kernel_log(client_session& guest) {
    wire::MachineClient machine(guest.rpc());
    wire::LogsRequest request;
    request.set_source(wire::LogsRequest::KERNEL);
    auto logs = machine.Logs(std::move(request), guest.call_limit());
    if (!logs) co_return unanswered("kernel log", logs.error());
    kernel_log_findings seen;
    for (;;) {
        auto some = co_await logs->read();
        if (!some) co_return unanswered("kernel log", some.error());
        if (!*some) co_return seen.all();
        for (const auto& line : (*some)->lines()) seen.take(line);
    }
}

awaitable<result<int>> doctor(client_session& guest) {
    auto system = guest.system();
    auto info = co_await system.Info({}, guest.call_limit());
    if (!info) co_return info.error();
    auto all = findings_of(*info, VMINIT_VERSION);
    auto health = co_await look_at_health(guest);
    append(all, std::move(health));
    auto clocks = co_await look_at_clock(guest);
    append(all, std::move(clocks));
    auto logged = co_await look_at_kernel_log(guest);
    append(all, std::move(logged));
    auto rows = finding_rows(all);
    guest.out().answers(rows, titles);
    co_return std::any_of(all.begin(), all.end(), is_trouble) ? exit_degraded : 0;
}

}  // namespace

void add_doctor(command_set& commands) {
    auto& command = commands.add("doctor", "what is wrong with the guest or missing in it, and what for",
                                 [](client_session& guest) { return doctor(guest); });
    command.footer(
        "Exits with 3 if anything is degraded, or missing that is needed; a guest works without what is absent.\n"
        "The kernel's options one by one, where it has its configuration and a container runs:\n"
        "  vminitctl exec ID cat /proc/config.gz | vminit-image check-kernel /dev/stdin");
}

}  // namespace vminit::vminitctl
