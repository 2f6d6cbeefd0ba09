#include <boost/json.hpp>

#include "attached_process.hpp"
#include "commands/commands.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

struct run_options {
    container_options container;
    bool is_interactive = false;
    bool is_detached = false;
    bool is_removed = true;
};

awaitable<result<int>> run_detached(client_session& guest, container_request request, run_options options) {
    process_key key(request.id, "");
    stdio_uris stdio("", options.container.stdout_uri, options.container.stderr_uri);
    bool has_terminal = options.container.spec.process.terminal;
    auto created = co_await create_container(guest, std::move(request), std::move(stdio), has_terminal);
    if (!created) co_return created.error();
    auto pid = co_await start_process(guest, key);
    if (!pid) {
        (void)co_await delete_process(guest, key);
        co_return pid.error();
    }
    record facts{{"id", key.id}, {"pid", *pid}};
    guest.out().answer(facts);
    co_return 0;
}

awaitable<result<containerd::task::v3::WaitResponse>> start_and_follow(client_session& guest, attached_process& process,
                                                                       process_key key) {
    co_await process.resize();
    auto started = co_await start_process(guest, key);
    if (started) co_return co_await process.follow();
    (void)co_await delete_process(guest, key);
    co_return started.error();
}

awaitable<result<int>> run_attached(client_session& guest, container_request request, run_options options) {
    process_key key(request.id, "");
    bool has_terminal = options.container.spec.process.terminal;
    attached_process process(guest, key, attached_stdio(guest, options.is_interactive, has_terminal));
    auto opened = co_await process.open();
    if (!opened) co_return opened.error();
    auto created = co_await create_container(guest, std::move(request), process.uris(), has_terminal);
    if (!created) co_return created.error();
    auto ended = co_await start_and_follow(guest, process, key);
    if (!ended) co_return ended.error();
    auto facts = exit_facts(key.id, "", ended->exit_status(), ended->exited_at());
    guest.out().report(facts);
    if (options.is_removed) {
        auto deleted = co_await delete_process(guest, key);
        if (!deleted) co_return deleted.error().within("delete " + key.id);
    }
    co_return static_cast<int>(ended->exit_status());
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
    if (options.is_interactive && options.is_detached)
        return error(errc::invalid_argument, "-i and --detach exclude each other");
    return {};
}

}  // namespace

void add_run(command_set& commands) {
    auto options = std::make_shared<run_options>();
    auto& command = commands.add("run", "create a container, start it, follow it to its end and delete it",
                                 [options](client_session& guest) { return run(guest, *options); });
    declare_container_options(commands, command, options->container);
    command.add_flag("-i,--interactive", options->is_interactive, "forward our stdin");
    command.add_flag("-d,--detach", options->is_detached, "leave it running and print its id");
    command.add_flag("--rm,!--keep", options->is_removed, "delete it when it ends (the default), or keep it");
    command.footer(
        "The container's command line follows --.\n\n"
        "Input and output belong to the vminitctl that ran the container: a process has the streams it was created "
        "with, and the guest gives each to one connection. So nobody can attach to it later; for what runs detached "
        "start vminitctl attach before it, or use --stdout file:///PATH, or look at it with exec.");
    commands.checks(command, [options] { return check_stdio(*options); });
}

}  // namespace vminit::vminitctl
