// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "process_run.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> create(client_session& guest, container_options options) {
    auto request = make_request(options);
    if (!request) co_return request.error();
    auto id = request->id;
    stdio_uris stdio("", options.stdout_uri, options.stderr_uri);
    process_run running(guest, process_key(id, ""), run_until::created, std::move(stdio));
    bool has_terminal = options.spec.process.terminal;
    process_run::maker make = [&guest, request = std::move(*request), has_terminal](stdio_uris uris) {
        return create_container(guest, request, std::move(uris), has_terminal);
    };
    auto outcome = co_await running.run(std::move(make));
    if (!outcome) co_return outcome.error();
    if (outcome->pid == 0) co_return outcome->status;
    record facts{{"id", id}, {"pid", outcome->pid}};
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
