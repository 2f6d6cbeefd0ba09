// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/container_list.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::string_view titles[] = {"id", "status", "pid", "created_at", "rootfs", "execs", "exit_status"};

}  // namespace

awaitable<result<int>> list_containers(client_session& guest) {
    auto system = guest.system();
    auto answer = co_await system.Containers({}, guest.call_limit());
    if (!answer) co_return answer.error();
    guest.out().answers(container_rows(*answer), titles);
    co_return 0;
}

void add_list(command_set& commands) {
    commands.add("list", "all containers of the guest", [](client_session& guest) { return list_containers(guest); });
}

}  // namespace vminit::vminitctl
