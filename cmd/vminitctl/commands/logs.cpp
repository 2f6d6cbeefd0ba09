// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>
#include <optional>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "kept_log.hpp"
#include "quantity.hpp"

namespace vminit::vminitctl {

namespace {

struct logs_options {
    process_key key;
    bool follow = false;
    std::optional<std::uint32_t> tail;
};

awaitable<result<int>> logs(client_session& guest, logs_options options) {
    vminit::process::v1::LogsRequest request;
    request.set_id(options.key.id);
    request.set_exec_id(options.key.exec_id);
    request.set_follow(options.follow);
    if (options.tail) request.set_tail(*options.tail);
    auto printed = co_await print_log(guest, std::move(request));
    if (!printed && printed.error().code() == boost::system::errc::broken_pipe) co_return exit_unread;
    if (!printed) co_return printed.error();
    record facts{{"id", options.key.id}, {"bytes", printed->bytes}, {"lost", printed->lost}};
    guest.out().report(facts);
    co_return 0;
}

}  // namespace

void add_logs(command_set& commands) {
    auto options = std::make_shared<logs_options>();
    auto& command = commands.add(
        "logs", "print what a container that was run with --log has written",
        [options](client_session& guest) { return logs(guest, *options); },
        command_traits{needs::guest, status_of::command, true});
    declare_process(command, options->key);
    command.add_flag("-f,--follow", options->follow, "go on until its output is over");
    add_parsed(
        command, "-n,--tail", options->tail,
        [](const std::string& text) { return parse_number(text, "a number of lines"); }, "only the last lines");
    command.footer(
        "The guest keeps the last 1 MiB of it, stdout and stderr as they came, until the container is deleted.");
}

}  // namespace vminit::vminitctl
