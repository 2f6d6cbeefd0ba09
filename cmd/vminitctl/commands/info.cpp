// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "system_text.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> info(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto answer = co_await system.Info(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    auto facts = info_facts(*answer);
    guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_info(command_set& commands) {
    commands.add("info", "versions, uptime, what went wrong at boot, what the guest can do",
                 [](client_session& guest) { return info(guest); });
}

}  // namespace vminit::vminitctl
