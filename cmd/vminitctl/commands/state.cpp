// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> state(client_session& guest, process_key key) {
    auto answer = co_await process_state(guest, std::move(key));
    if (!answer) co_return answer.error();
    guest.out().answer(state_facts(*answer));
    co_return 0;
}

}  // namespace

void add_state(command_set& commands) {
    auto key = std::make_shared<process_key>();
    auto& command = commands.add("state", "what is known of a process",
                                 [key](client_session& guest) { return state(guest, *key); });
    declare_process(command, *key);
}

}  // namespace vminit::vminitctl
