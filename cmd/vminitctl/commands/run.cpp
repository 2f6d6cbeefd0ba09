// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "kept_log.hpp"
#include "process_run.hpp"

namespace vminit::vminitctl {

namespace {

struct run_options {
    container_options container;
    bool is_interactive = false;
    bool is_detached = false;
    bool is_removed = true;
    bool is_logged = false;
};

process_run::maker creation_of(client_session& guest, container_request request, bool has_terminal) {
    return [&guest, request = std::move(request), has_terminal](stdio_uris stdio) {
        return create_container(guest, request, std::move(stdio), has_terminal);
    };
}

awaitable<result<int>> run_detached(client_session& guest, container_request request, run_options options) {
    process_key key(request.id, "");
    stdio_uris stdio("", options.container.stdout_uri, options.container.stderr_uri);
    // In one ring: what was written to both stays in its order.
    if (options.is_logged || options.is_interactive) stdio.out = stdio.err = log_uri;
    if (options.is_interactive) stdio.in = attach_uri;
    auto make = creation_of(guest, std::move(request), options.container.spec.process.terminal);
    process_run running(guest, key, run_until::started, std::move(stdio));
    auto outcome = co_await running.run(std::move(make));
    if (!outcome) co_return outcome.error();
    if (outcome->pid == 0) co_return outcome->status;
    record facts{{"id", key.id}, {"pid", outcome->pid}};
    guest.out().answer(facts);
    co_return 0;
}

awaitable<result<int>> run_attached(client_session& guest, container_request request, run_options options) {
    process_key key(request.id, "");
    bool has_terminal = options.container.spec.process.terminal;
    auto make = creation_of(guest, std::move(request), has_terminal);
    auto until = options.is_removed ? run_until::deleted : run_until::ended;
    process_run running(guest, key, until, attached_stdio(guest, options.is_interactive, has_terminal));
    auto outcome = co_await running.run(std::move(make));
    if (!outcome) co_return outcome.error();
    co_return outcome->status;
}

awaitable<result<int>> run(client_session& guest, run_options options) {
    auto request = make_request(options.container);
    if (!request) co_return request.error();
    if (options.is_detached) co_return co_await run_detached(guest, std::move(*request), std::move(options));
    co_return co_await run_attached(guest, std::move(*request), std::move(options));
}

result<void> check_stdio(const run_options& options) {
    bool has_uris = !options.container.stdout_uri.empty() || !options.container.stderr_uri.empty();
    if (has_uris && !options.is_detached) return error(errc::invalid_argument, "--stdout and --stderr need --detach");
    if (options.is_logged && (has_uris || !options.is_detached))
        return error(errc::invalid_argument, "--log needs --detach, and neither --stdout nor --stderr");
    if (options.is_interactive && has_uris)
        return error(errc::invalid_argument, "-i with --detach excludes --stdout and --stderr");
    return {};
}

}  // namespace

void add_run(command_set& commands) {
    auto options = std::make_shared<run_options>();
    auto& command = commands.add(
        "run", "create a container, start it, follow it to its end and delete it",
        [options](client_session& guest) { return run(guest, *options); },
        command_traits{needs::guest, status_of::process});
    declare_container_options(commands, command, options->container);
    command.add_flag("-i,--interactive", options->is_interactive,
                     "forward our stdin; with -d keep its input open, and its output, for attach -i");
    command.add_flag("-d,--detach", options->is_detached, "leave it running and print its id");
    command.add_flag("--log", options->is_logged, "the guest keeps the last 1 MiB of its output, for logs and attach");
    command.add_flag("--rm,!--keep", options->is_removed, "delete it when it ends (the default), or keep it");
    command.footer(
        "The container's command line follows --.\n\n"
        "Input and output belong to the vminitctl that ran the container: a process has the streams it was created "
        "with, and the guest gives each to one connection. What runs detached with --log can be seen later, by any "
        "number "
        "of vminitctl logs and attach.");
    commands.checks(command, [options] { return check_stdio(*options); });
}

}  // namespace vminit::vminitctl
