// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> pause(client_session& guest, std::string id) {
    containerd::task::v3::PauseRequest request;
    request.set_id(id);
    auto tasks = guest.task();
    auto paused = co_await tasks.Pause(std::move(request), guest.call_limit());
    if (!paused) co_return paused.error();
    record facts{{"id", id}, {"status", "paused"}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_pause(command_set& commands) {
    auto id = std::make_shared<std::string>();
    auto& command = commands.add("pause", "freeze all processes of a container",
                                 [id](client_session& guest) { return pause(guest, *id); });
    declare_container(command, *id);
}

}  // namespace vminit::vminitctl
