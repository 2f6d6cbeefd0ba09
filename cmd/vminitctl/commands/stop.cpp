// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json.hpp>
#include <optional>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "signal_name.hpp"
#include "task_text.hpp"
#include "vminit/core/timeout.hpp"

namespace vminit::vminitctl {

namespace {

namespace task = containerd::task::v3;

constexpr double default_patience = 10;  // seconds, as docker's
constexpr double longest_patience = 86400;

struct stop_options {
    process_key key;
    std::uint32_t signal = SIGTERM;
    double patience = default_patience;
};

struct progress {
    std::optional<std::uint32_t> sent;  // the last signal that the guest has sent; none if the process was not there
    bool is_over = false;               // the process has ended
};

awaitable<result<task::WaitResponse>> wait(client_session& guest, process_key key, progress& reached) {
    auto ended = co_await wait_process(guest, std::move(key), guest.no_limit());
    reached.is_over = true;
    co_return ended;
}

// The answer is waited for also when the end of the process overtakes it: else nobody could say what it was.
awaitable<result<void>> send(client_session& guest, process_key key, std::uint32_t signal, progress& reached) {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    bool is_container = signal == SIGKILL && key.exec_id.empty();
    auto target = is_container ? kill_target::all : kill_target::process;
    auto killed = co_await kill_process(guest, std::move(key), signal, target);
    co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
    if (killed) reached.sent = signal;
    // Not there any more: whoever waits for its end has the answer.
    bool is_gone = !killed && killed.error().kind() == errc::not_found;
    if (!killed && !is_gone) co_return killed.error();
    if (reached.is_over) co_return error(errc::cancelled);
    co_return result<void>();
}

// Returns only with a failure. The wait for the end goes on beside it.
awaitable<error> press(client_session& guest, const stop_options& options, progress& reached) {
    auto told = co_await send(guest, options.key, options.signal, reached);
    if (!told) co_return told.error();
    co_await sleep_for(std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(options.patience)));
    told = co_await send(guest, options.key, SIGKILL, reached);
    if (!told) co_return told.error();
    co_await sleep_for(guest.options().call_limit());
    co_return error(errc::deadline_exceeded, "it has not ended after SIGKILL");
}

awaitable<result<int>> stop(client_session& guest, stop_options options) {
    using namespace asio::experimental::awaitable_operators;
    progress reached;
    auto first = co_await (wait(guest, options.key, reached) || press(guest, options, reached));
    if (auto* failure = std::get_if<error>(&first)) co_return *failure;
    auto& ended = std::get<result<task::WaitResponse>>(first);
    if (!ended) co_return ended.error();
    auto facts = exit_facts(options.key.id, options.key.exec_id, ended->exit_status(), ended->exited_at());
    boost::json::value by;
    if (reached.sent) by = boost::json::value(signal_name(*reached.sent));
    facts.emplace_back("ended_by", std::move(by), reached.sent ? "" : "itself, before");
    guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_stop(command_set& commands) {
    auto options = std::make_shared<stop_options>();
    auto& command = commands.add("stop", "end a process: TERM, wait for its end, KILL",
                                 [options](client_session& guest) { return stop(guest, *options); });
    declare_process(command, options->key);
    add_parsed(command, "-s,--signal", options->signal, parse_signal, "first (default TERM)");
    command.add_option("--time", options->patience, "seconds until KILL, for all processes of the container")
        ->check(CLI::Range(0.0, longest_patience))
        ->capture_default_str();
    command.footer("The answer says which signal was the last before its end. The container stays until delete.");
}

}  // namespace vminit::vminitctl
