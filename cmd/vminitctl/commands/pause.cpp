#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"

namespace vminit::vminitctl {

namespace {

void answer(client_session& guest, std::string_view id, std::string_view status) {
    record facts{{"id", id}, {"status", status}};
    if (guest.out().is_json()) guest.out().answer(facts);
}

awaitable<result<int>> pause(client_session& guest, std::string id) {
    containerd::task::v3::PauseRequest request;
    request.set_id(id);
    auto tasks = guest.task();
    auto paused = co_await tasks.Pause(std::move(request), guest.call_limit());
    if (!paused) co_return paused.error();
    answer(guest, id, "paused");
    co_return 0;
}

awaitable<result<int>> resume(client_session& guest, std::string id) {
    containerd::task::v3::ResumeRequest request;
    request.set_id(id);
    auto tasks = guest.task();
    auto resumed = co_await tasks.Resume(std::move(request), guest.call_limit());
    if (!resumed) co_return resumed.error();
    answer(guest, id, "running");
    co_return 0;
}

}  // namespace

void add_pause(command_set& commands) {
    auto id = std::make_shared<std::string>();
    auto& command = commands.add("pause", "freeze all processes of a container",
                                 [id](client_session& guest) { return pause(guest, *id); });
    declare_container(command, *id);
}

void add_resume(command_set& commands) {
    auto id = std::make_shared<std::string>();
    auto& command = commands.add("resume", "let a paused container go on",
                                 [id](client_session& guest) { return resume(guest, *id); });
    declare_container(command, *id);
}

}  // namespace vminit::vminitctl
