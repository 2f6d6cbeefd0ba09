// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client_session.hpp"
#include "commands/commands.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> freeze(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto answer = co_await system.FreezeFilesystems(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    boost::json::array list(answer->frozen().begin(), answer->frozen().end());
    std::string text;
    for (const auto& mount_point : answer->frozen()) text += (text.empty() ? "" : " ") + mount_point;
    record facts{{"frozen", std::move(list), text.empty() ? "nothing, there is no writable ext4 filesystem" : text}};
    guest.out().answer(facts);
    co_return 0;
}

awaitable<result<int>> thaw(client_session& guest) {
    google::protobuf::Empty request;
    auto system = guest.system();
    auto answer = co_await system.ThawFilesystems(std::move(request), guest.call_limit());
    if (!answer) co_return answer.error();
    record facts{{"thawed", true}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_freeze(command_set& commands) {
    auto& command = commands.add("freeze", "stop all writing to the guest's ext4 disks, for a consistent snapshot",
                                 [](client_session& guest) { return freeze(guest); });
    command.footer("Whoever writes in the guest waits until thaw. The guest thaws by itself after 60 s.");
}

void add_thaw(command_set& commands) {
    commands.add("thaw", "let writing go on after freeze", [](client_session& guest) { return thaw(guest); });
}

}  // namespace vminit::vminitctl
