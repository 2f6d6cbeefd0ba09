// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/container_list.hpp"
#include "commands/process_argument.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::string_view titles[] = {"pid", "exec_id"};

awaitable<result<int>> ps(client_session& guest, std::string id) {
    if (id.empty()) co_return co_await list_containers(guest);
    containerd::task::v3::PidsRequest request;
    request.set_id(id);
    auto tasks = guest.task();
    auto answer = co_await tasks.Pids(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    guest.out().answers(process_rows(*answer), titles);
    co_return 0;
}

}  // namespace

void add_ps(command_set& commands) {
    auto id = std::make_shared<std::string>();
    auto& command = commands.add("ps", "the processes of a container, with the VM's pids; without one, all containers",
                                 [id](client_session& guest) { return ps(guest, *id); });
    command.add_option("ID", *id, "the container (default: list them)");
}

}  // namespace vminit::vminitctl
