// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <boost/json.hpp>
#include <list>
#include <optional>

#include "commands/commands.hpp"
#include "departure.hpp"
#include "port_forward.hpp"
#include "task_calls.hpp"
#include "vminit/core/condition.hpp"

namespace vminit::vminitctl {

namespace {

struct port_options {
    std::string id;
    std::vector<port_spec> specs;
    bool is_reverse = false;
};

/// The forwards of one command, and the first reason for their end.
struct all_forwards {
    all_forwards(client_session& guest, const port_options& options)
        : changed(guest.context().get_executor()), tasks(guest.context().get_executor(), log_of(guest.context())) {
        auto direction = options.is_reverse ? forward_direction::to_host : forward_direction::to_container;
        for (const auto& spec : options.specs) each.emplace_back(guest, options.id, spec, direction);
    }

    awaitable<void> note(awaitable<error> ending) {
        auto why = co_await std::move(ending);
        if (!end) end = why;
        changed.notify_all();
    }
    awaitable<void> note_exit(client_session& guest, std::string id) {
        process_key init(std::move(id), std::string());
        auto exited = co_await wait_process(guest, std::move(init), guest.no_limit());
        if (exited) {
            has_exited = true;
        } else if (!end) {
            end = exited.error();
        }
        changed.notify_all();
    }

    awaitable<void> stop_listening() {
        tasks.stop();
        co_await tasks.join();
    }
    awaitable<void> stop() {
        co_await stop_listening();
        for (auto& one : each) co_await one.stop();
    }

    std::list<port_forward> each;
    std::optional<error> end;
    bool has_exited = false;
    condition changed;
    task_group tasks;
};

awaitable<result<void>> open_all(client_session& guest, const std::string& id, all_forwards& forwards) {
    containerd::task::v3::StateRequest request;
    request.set_id(id);
    auto state = co_await guest.task().State(std::move(request), guest.call_limit());
    if (!state) co_return state.error();
    for (auto& one : forwards.each) {
        auto opened = co_await one.open();
        if (!opened) co_return opened.error();
    }
    co_return result<void>();
}

awaitable<result<int>> serve_all(client_session& guest, const std::string& id, all_forwards& forwards) {
    auto opened = co_await open_all(guest, id, forwards);
    if (!opened) co_return opened.error();
    for (auto& one : forwards.each) forwards.tasks.spawn("forward", forwards.note(one.serve()));
    forwards.tasks.spawn("exit", forwards.note_exit(guest, id));
    while (!forwards.end && !forwards.has_exited) {
        bool goes_on = co_await forwards.changed.wait();
        if (!goes_on) co_return error(errc::cancelled);
    }
    // The guest tells the end of a container twice where it listens, and either may come first.
    bool has_ended = forwards.has_exited || forwards.end->kind() == errc::failed_precondition;
    if (!has_ended) co_return *forwards.end;
    co_await forwards.stop_listening();
    for (auto& one : forwards.each) co_await one.finish();
    guest.out().warn("container " + id + " has ended");
    co_return 0;
}

// However it ends, nothing of it goes on: its tasks use what is here.
awaitable<result<int>> forward_all(client_session& guest, port_options options) {
    all_forwards forwards(guest, options);
    result<int> outcome = error(errc::cancelled, "port");
    try {
        outcome = co_await serve_all(guest, options.id, forwards);
    } catch (const boost::system::system_error& stopped) {
        outcome = error(stopped.code(), "port");
    }
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await forwards.stop();
    co_return outcome;
}

awaitable<result<int>> port(client_session& guest, port_options options) {
    departure leaving(guest.context());
    std::function<void(int)> on_signal = [&leaving](int signal) {
        if (signal != SIGWINCH && signal != SIGCONT) leaving.tell(signal, clock::duration::zero());
    };
    auto ended = co_await leaving.watch(forward_all(guest, std::move(options)), std::move(on_signal));
    if (leaving.is_told()) co_return leaving.status();
    co_return ended;
}

result<void> check_options(const port_options& options) {
    for (const auto& spec : options.specs) {
        if (options.is_reverse && spec.host.is_tcp() && spec.host.port == 0) {
            return error(errc::invalid_argument, "a port to connect to is 1 to 65535");
        }
    }
    return {};
}

}  // namespace

void add_port(command_set& commands) {
    auto options = std::make_shared<port_options>();
    auto& command = commands.add(
        "port", "forward ports and sockets of this machine to a container, or back",
        [options](client_session& guest) { return port(guest, *options); },
        command_traits{needs::guest, status_of::command, true});
    command.add_option("ID", options->id, "the container's id")->required();
    add_parsed_list(command, "SPEC", options->specs, parse_port_spec,
                    "[HOST:]CONTAINER, each a PORT, ADDRESS:PORT or a path with a /")
        ->required()
        ->allow_extra_args();
    command.add_flag("-R,--reverse", options->is_reverse, "listen in the container and connect on this machine");
    commands.checks(command, [options] { return check_options(*options); });
    command.footer(
        "Until ^C, or the container's end. Addresses are 127.0.0.1 unless told; host port 0 is any free one. Links in "
        "the "
        "container lead no further than its root. Examples: port web 8080:80; port web /tmp/db.sock:/run/db.sock; port "
        "-R "
        "web 5000:80.");
}

}  // namespace vminit::vminitctl
