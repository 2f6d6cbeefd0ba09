#include <boost/json.hpp>

#include "attached_process.hpp"
#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "fresh_id.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

struct exec_options {
    std::string id;
    std::string exec_id;
    process_options process;
    bool is_interactive = false;
    bool is_detached = false;
};

awaitable<result<void>> add_exec_process(client_session& guest, process_key key, process_options process,
                                         stdio_uris stdio) {
    containerd::task::v3::ExecProcessRequest request;
    request.set_id(key.id);
    request.set_exec_id(key.exec_id);
    request.set_terminal(process.terminal);
    request.set_stdin(stdio.in);
    request.set_stdout(stdio.out);
    request.set_stderr(stdio.err);
    request.mutable_spec()->set_type_url("types.containerd.io/opencontainers/runtime-spec/1/Process");
    request.mutable_spec()->set_value(boost::json::serialize(make_process(process)));
    auto tasks = guest.task();
    auto added = co_await tasks.Exec(std::move(request), guest.call_limit());
    if (!added) co_return added.error();
    co_return result<void>();
}

// On failure the exec is deleted, so that its id is free again.
awaitable<result<std::uint32_t>> start_exec(client_session& guest, process_key key) {
    auto pid = co_await start_process(guest, key);
    if (!pid) (void)co_await delete_process(guest, key);
    co_return pid;
}

awaitable<result<int>> exec_detached(client_session& guest, process_key key, process_options process) {
    stdio_uris nowhere;
    auto added = co_await add_exec_process(guest, key, std::move(process), std::move(nowhere));
    if (!added) co_return added.error();
    auto pid = co_await start_exec(guest, key);
    if (!pid) co_return pid.error();
    record facts{{"id", key.id}, {"exec_id", key.exec_id}, {"pid", *pid}};
    guest.out().answer(facts);
    co_return 0;
}

awaitable<result<int>> exec_attached(client_session& guest, process_key key, exec_options options) {
    attached_process process(guest, key, attached_stdio(guest, options.is_interactive, options.process.terminal));
    auto opened = co_await process.open();
    if (!opened) co_return opened.error();
    auto added = co_await add_exec_process(guest, key, options.process, process.uris());
    if (!added) co_return added.error();
    auto pid = co_await start_exec(guest, key);
    if (!pid) co_return pid.error();
    co_await process.resize();
    auto ended = co_await process.follow();
    if (!ended) co_return ended.error();
    guest.out().report(exit_facts(key.id, key.exec_id, ended->exit_status(), ended->exited_at()));
    auto deleted = co_await delete_process(guest, key);
    if (!deleted) co_return deleted.error().within("delete " + key.exec_id);
    co_return static_cast<int>(ended->exit_status());
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
    auto& command = commands.add("exec", "run a further process in a container and follow it to its end",
                                 [options](client_session& guest) { return exec(guest, *options); });
    declare_container(command, options->id);
    command.add_option("--exec-id", options->exec_id, "its id (default: made up)");
    declare_process_options(command, options->process);
    command.add_flag("-i,--interactive", options->is_interactive, "forward our stdin");
    command.add_flag("-d,--detach", options->is_detached, "leave it running and print its id");
    commands.takes_arguments(command, options->process.arguments);
    commands.checks(command, [options] { return check_options(*options); });
}

}  // namespace vminit::vminitctl
