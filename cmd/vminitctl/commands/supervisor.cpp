// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "system_text.hpp"

namespace vminit::vminitctl {

namespace {

struct supervisor_options {
    std::string action = "status";
    std::string name;
};

constexpr std::string_view titles[] = {
    "name", "state", "pid", "starts", "restarts_in_window", "restart_due_in_usec", "last_exit_status"};

awaitable<result<int>> status(client_session& guest, std::string name) {
    vminit::supervisor::v1::StatusRequest request;
    request.set_name(name);
    auto supervisor = guest.supervisor();
    auto answer = co_await supervisor.Status(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    auto rows = service_rows(*answer);
    if (!name.empty() && rows.size() == 1) {
        guest.out().answer(rows.front());
        co_return 0;
    }
    if (!guest.out().is_json()) {
        for (auto& row : rows) row.erase(row.begin() + std::size(titles), row.end());
    }
    guest.out().answers(rows, titles);
    co_return 0;
}

awaitable<result<int>> restart(client_session& guest, std::string name) {
    vminit::supervisor::v1::RestartRequest request;
    request.set_name(name);
    auto supervisor = guest.supervisor();
    auto answer = co_await supervisor.Restart(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    record facts{{"name", name}, {"restarting", true}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

awaitable<result<int>> run(client_session& guest, supervisor_options options) {
    if (options.action == "restart") co_return co_await restart(guest, std::move(options.name));
    co_return co_await status(guest, std::move(options.name));
}

result<void> check(const supervisor_options& options) {
    if (options.action == "restart" && options.name.empty()) {
        return error(errc::invalid_argument, "restart needs the NAME of a service");
    }
    return {};
}

}  // namespace

void add_supervisor(command_set& commands) {
    auto options = std::make_shared<supervisor_options>();
    auto& command = commands.add("supervisor", "the services that vminitd keeps running beside the containers",
                                 [options](client_session& guest) { return run(guest, *options); });
    command.add_option("ACTION", options->action, "status (the default) or restart")
        ->check(CLI::IsMember({"status", "restart"}));
    command.add_option("NAME", options->name, "one service, with all that is known of it; restart needs it");
    command.footer("restart ends a running one first and forgets earlier failures; events tell how it went.");
    commands.checks(command, [options] { return check(*options); });
}

}  // namespace vminit::vminitctl
