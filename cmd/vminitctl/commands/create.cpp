#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "task_calls.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> create(client_session& guest, container_options options) {
    auto request = make_request(options);
    if (!request) co_return request.error();
    auto id = request->id;
    stdio_uris stdio("", options.stdout_uri, options.stderr_uri);
    auto pid = co_await create_container(guest, std::move(*request), std::move(stdio), options.spec.process.terminal);
    if (!pid) co_return pid.error();
    record facts{{"id", id}, {"pid", *pid}};
    guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_create(command_set& commands) {
    auto options = std::make_shared<container_options>();
    auto& command = commands.add("create", "create a container and leave it to `start`",
                                 [options](client_session& guest) { return create(guest, *options); });
    declare_container_options(commands, command, *options);
}

}  // namespace vminit::vminitctl
