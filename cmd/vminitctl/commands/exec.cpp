// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "fresh_id.hpp"
#include "process_run.hpp"

namespace vminit::vminitctl {

namespace {

struct exec_options {
    std::string id;
    std::string exec_id;
    process_options process;
    bool is_interactive = false;
    bool is_detached = false;
};

// It has no pid before its start.
awaitable<result<std::uint32_t>> add_exec_process(client_session& guest, process_key key, process_options process,
                                                  stdio_uris stdio) {
    auto document = make_process(process);
    auto user = user_name_of(document);
    auto checked = co_await check_user_name(guest, std::move(user));
    if (!checked) co_return checked.error();
    containerd::task::v3::ExecProcessRequest request;
    request.set_id(key.id);
    request.set_exec_id(key.exec_id);
    request.set_terminal(process.terminal);
    request.set_stdin(stdio.in);
    request.set_stdout(stdio.out);
    request.set_stderr(stdio.err);
    request.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
    request.mutable_spec()->set_value(boost::json::serialize(document));
    auto tasks = guest.task();
    auto added = co_await tasks.Exec(std::move(request), guest.call_limit());
    if (!added) co_return added.error();
    co_return std::uint32_t{0};
}

process_run::maker addition_of(client_session& guest, process_key key, process_options process) {
    return [&guest, key = std::move(key), process = std::move(process)](stdio_uris stdio) {
        return add_exec_process(guest, key, process, std::move(stdio));
    };
}

awaitable<result<int>> exec_detached(client_session& guest, process_key key, process_options process) {
    process_run running(guest, key, run_until::started);
    auto make = addition_of(guest, key, std::move(process));
    auto outcome = co_await running.run(std::move(make));
    if (!outcome) co_return outcome.error();
    if (outcome->pid == 0) co_return outcome->status;
    record facts{{"id", key.id}, {"exec_id", key.exec_id}, {"pid", outcome->pid}};
    guest.out().answer(facts);
    co_return 0;
}

awaitable<result<int>> exec_attached(client_session& guest, process_key key, exec_options options) {
    attached_stdio stdio(guest, options.is_interactive, options.process.terminal);
    process_run running(guest, key, run_until::deleted, stdio);
    auto make = addition_of(guest, key, std::move(options.process));
    auto outcome = co_await running.run(std::move(make));
    if (!outcome) co_return outcome.error();
    co_return outcome->status;
}

awaitable<result<int>> exec(client_session& guest, exec_options options) {
    process_key key(options.id, options.exec_id.empty() ? fresh_container_id() : options.exec_id);
    if (options.is_detached) co_return co_await exec_detached(guest, std::move(key), std::move(options.process));
    co_return co_await exec_attached(guest, std::move(key), std::move(options));
}

result<void> check_options(const exec_options& options) {
    if (options.is_interactive && options.is_detached)
        return error(errc::invalid_argument, "-i and --detach exclude each other");
    return options.exec_id.empty() ? result<void>() : check_id(options.exec_id, "an exec");
}

}  // namespace

void add_exec(command_set& commands) {
    auto options = std::make_shared<exec_options>();
    auto& command = commands.add(
        "exec", "run a further process in a container and follow it to its end",
        [options](client_session& guest) { return exec(guest, *options); },
        command_traits{needs::guest, status_of::process});
    declare_container(command, options->id);
    command.add_option("--exec-id", options->exec_id, "its id (default: made up)");
    declare_process_options(command, options->process);
    command.add_flag("-i,--interactive", options->is_interactive, "forward our stdin");
    command.add_flag("-d,--detach", options->is_detached, "leave it running and print its id");
    commands.takes_arguments(command, options->process.arguments);
    commands.checks(command, [options] { return check_options(*options); });
}

}  // namespace vminit::vminitctl
