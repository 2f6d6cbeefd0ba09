// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> stats(client_session& guest, std::string id) {
    auto metrics = co_await container_metrics(guest, id);
    if (!metrics) co_return metrics.error();
    guest.out().answer(stats_facts(id, *metrics));
    co_return 0;
}

}  // namespace

void add_stats(command_set& commands) {
    auto id = std::make_shared<std::string>();
    auto& command = commands.add("stats", "what a container uses of CPU, memory, pids and disks",
                                 [id](client_session& guest) { return stats(guest, *id); });
    declare_container(command, *id);
}

}  // namespace vminit::vminitctl
