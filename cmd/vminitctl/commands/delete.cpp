// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

struct delete_options {
    process_key key;
    bool is_forced = false;
};

// What has ended already needs no killing; any other failure shows in the Delete that follows.
awaitable<void> kill_and_wait(client_session& guest, process_key key) {
    auto killed = co_await kill_process(guest, key, SIGKILL, kill_target::all);
    if (killed) (void)co_await wait_process(guest, key, guest.call_limit());
}

awaitable<result<int>> remove(client_session& guest, delete_options options) {
    if (options.is_forced) co_await kill_and_wait(guest, options.key);
    auto deleted = co_await delete_process(guest, options.key);
    if (!deleted) co_return deleted.error();
    guest.out().answer(exit_facts(options.key.id, options.key.exec_id, deleted->exit_status(), deleted->exited_at()));
    co_return 0;
}

}  // namespace

void add_delete(command_set& commands) {
    auto options = std::make_shared<delete_options>();
    auto& command = commands.add("delete", "delete a process that is not running",
                                 [options](client_session& guest) { return remove(guest, *options); });
    declare_process(command, options->key);
    command.add_flag("-f,--force", options->is_forced, "kill it first");
}

}  // namespace vminit::vminitctl
