// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> start(client_session& guest, process_key key) {
    auto pid = co_await start_process(guest, key);
    if (!pid) co_return pid.error();
    record facts{{"id", key.id}, {"pid", *pid}};
    guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_start(command_set& commands) {
    auto key = std::make_shared<process_key>();
    auto& command = commands.add("start", "start a created container, or an exec process that was added to it",
                                 [key](client_session& guest) { return start(guest, *key); });
    declare_process(command, *key);
}

}  // namespace vminit::vminitctl
