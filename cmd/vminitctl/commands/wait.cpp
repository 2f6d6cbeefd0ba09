// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> wait(client_session& guest, process_key key) {
    auto ended = co_await wait_process(guest, key, guest.no_limit());
    if (!ended) co_return ended.error();
    guest.out().answer(exit_facts(key.id, key.exec_id, ended->exit_status(), ended->exited_at()));
    co_return static_cast<int>(ended->exit_status());
}

}  // namespace

void add_wait(command_set& commands) {
    auto key = std::make_shared<process_key>();
    auto& command = commands.add(
        "wait", "wait for the end of a process and exit with its status",
        [key](client_session& guest) { return wait(guest, *key); }, command_traits{needs::guest, status_of::process});
    declare_process(command, *key);
}

}  // namespace vminit::vminitctl
