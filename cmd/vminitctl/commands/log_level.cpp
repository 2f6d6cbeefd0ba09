// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> set_level(client_session& guest, std::string level) {
    vminit::system::v1::SetLogLevelRequest request;
    request.set_level(level);
    auto system = guest.system();
    auto answer = co_await system.SetLogLevel(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    record facts{{"level", level}, {"previous", answer->previous()}};
    guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_log_level(command_set& commands) {
    auto level = std::make_shared<std::string>();
    auto& command = commands.add("log-level", "what of its log the guest prints on its console from now on",
                                 [level](client_session& guest) { return set_level(guest, *level); });
    command.add_option("LEVEL", *level, "debug, info, warn or error")
        ->required()
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

}  // namespace vminit::vminitctl
