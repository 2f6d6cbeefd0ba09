// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "system_text.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::string_view layer_titles[] = {"layer", "state", "trouble"};

awaitable<result<int>> health(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto answer = co_await system.Health(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    auto facts = health_facts(*answer);
    if (!guest.out().is_json()) facts.erase(facts.end() - health_facts_for_programs, facts.end());
    guest.out().answer(facts);
    guest.out().say("\n");
    auto rows = layer_rows(*answer);
    if (!guest.out().is_json()) guest.out().answers(rows, layer_titles);
    co_return answer->state() == vminit::system::v1::HealthResponse::OK ? 0 : exit_degraded;
}

}  // namespace

void add_health(command_set& commands) {
    auto& command = commands.add("health", "how well the guest keeps up, layer by layer",
                                 [](client_session& guest) { return health(guest); });
    command.footer("Exits with 3 if a layer is degraded: near one of its bounds, late, or without something it needs.");
}

}  // namespace vminit::vminitctl
