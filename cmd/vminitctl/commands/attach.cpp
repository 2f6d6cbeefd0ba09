// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/json.hpp>
#include <optional>
#include <vector>

#include "attached_input.hpp"
#include "client_session.hpp"
#include "commands/commands.hpp"
#include "inherited_descriptor.hpp"
#include "kept_log.hpp"
#include "task_calls.hpp"
#include "task_text.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::size_t copy_size = std::size_t{64} << 10;

struct attach_options {
    process_key key;
    std::optional<std::uint32_t> stream;
    bool is_interactive = false;
    bool has_terminal = false;
    detach_keys keys = detach_keys::parse(detach_keys::usual).value();
};

/// How many bytes came until the guest closed the stream.
awaitable<result<std::uint64_t>> copy_all(ttrpc::stream_socket& stream, inherited_descriptor& target) {
    std::vector<char> buffer(copy_size);
    for (std::uint64_t copied = 0;;) {
        auto [failure, got] = co_await stream.async_read_some(asio::buffer(buffer), as_tuple_awaitable);
        if (failure == asio::error::eof) co_return copied;
        if (failure) co_return error(failure, "stream");
        auto written = co_await target.write_all(std::string_view(buffer.data(), got));
        if (!written) co_return written.error();
        copied += got;
    }
}

awaitable<result<int>> attach_to_stream(client_session& guest, std::uint32_t id) {
    auto target = inherited_descriptor::open(guest.context(), guest.local().out, direction::out);
    if (!target) co_return target.error();
    auto stream = co_await guest.open_stream(id);
    if (!stream) co_return stream.error();
    auto copied = co_await copy_all(*stream, *target);
    if (!copied && copied.error().code() == boost::system::errc::broken_pipe) co_return exit_unread;
    if (!copied) co_return copied.error();
    record facts{{"stream", id}, {"bytes", *copied}};
    guest.out().report(facts);
    co_return 0;
}

awaitable<result<int>> follow(client_session& guest, process_key key, std::function<void()> on_asked) {
    vminit::process::v1::LogsRequest request;
    request.set_id(key.id);
    request.set_exec_id(key.exec_id);
    request.set_follow(true);
    request.set_tail(0);
    auto printed = co_await print_log(guest, std::move(request), std::move(on_asked));
    if (!printed && printed.error().code() == boost::system::errc::broken_pipe) co_return exit_unread;
    if (!printed) co_return printed.error();
    auto ended = co_await wait_process(guest, key, guest.no_limit());
    if (!ended) co_return ended.error();
    guest.out().report(exit_facts(key.id, key.exec_id, ended->exit_status(), ended->exited_at()));
    co_return static_cast<int>(ended->exit_status());
}

// The input is attached behind the question for the output: no answer to what is typed is missed.
awaitable<result<int>> type_and_follow(client_session& guest, process_key key, attached_input& typed) {
    auto opened = co_await typed.open();
    if (!opened) co_return opened.error();
    std::function<void()> begin = [&typed] { typed.begin(); };
    co_return co_await follow(guest, std::move(key), std::move(begin));
}

awaitable<result<int>> attach_input(client_session& guest, attach_options options) {
    departure leaving(guest.context());
    auto mode = options.has_terminal ? attached_input::console::terminal : attached_input::console::none;
    auto keys = options.has_terminal ? options.keys : detach_keys();
    attached_input typed(guest, options.key, mode, std::move(keys), leaving);
    std::function<void(int)> on_signal = [&typed](int signal) { typed.take(signal); };
    auto following = type_and_follow(guest, options.key, typed);
    auto outcome = co_await leaving.watch(std::move(following), std::move(on_signal));
    co_await typed.close();
    if (typed.failure()) co_return *typed.failure();
    if (!leaving.is_told()) co_return outcome;
    if (!typed.is_detached()) co_return leaving.status();
    record facts{{"id", options.key.id}, {"detached", true}};
    guest.out().report(facts);
    co_return 0;
}

awaitable<result<int>> attach(client_session& guest, attach_options options) {
    if (options.stream) co_return co_await attach_to_stream(guest, *options.stream);
    auto connected = co_await guest.connect();
    if (!connected) co_return connected.error();
    if (options.is_interactive) co_return co_await attach_input(guest, std::move(options));
    co_return co_await follow(guest, std::move(options.key), {});
}

result<void> check_options(const attach_options& options) {
    if (options.key.id.empty() != options.stream.has_value())
        return error(errc::invalid_argument, "it needs the ID of a container, or --stream");
    if (options.is_interactive && options.stream)
        return error(errc::invalid_argument, "-i and --stream exclude each other");
    if (options.has_terminal && !options.is_interactive) return error(errc::invalid_argument, "-t needs -i");
    return {};
}

}  // namespace

void add_attach(command_set& commands) {
    auto options = std::make_shared<attach_options>();
    auto& command = commands.add(
        "attach", "follow a container that runs in the background, and exit with its status",
        [options](client_session& guest) { return attach(guest, *options); },
        command_traits{needs::nothing, status_of::process, true});
    command.add_option("ID", options->key.id, "a container that was run with --log");
    command.add_option("--exec", options->key.exec_id, "an exec process of it instead of init");
    command.add_flag("-i,--interactive", options->is_interactive,
                     "forward our stdin, to what was run with -d -i; its end ends the process's");
    command.add_flag("-t,--tty", options->has_terminal, "with -i: our terminal is that of the process");
    add_parsed(command, "--detach-keys", options->keys, detach_keys::parse,
               "with -t: typed one behind the other they leave it running (ctrl-p,ctrl-q)");
    command.add_option("--stream", options->stream, "instead: a stdio stream that has no process yet");
    commands.checks(command, [options] { return check_options(*options); });
    command.footer(
        "It prints what is written from now on (logs has the rest); its end, by ^C for example, changes nothing in the "
        "guest. With -i one at a time can type: the input stays open when it leaves, by a signal or the detach keys. "
        "With --stream it starts before the container, which is then run with -d and --stdout stream://STREAM "
        "or "
        "--stderr stream://STREAM, and goes on until the guest closes that.");
}

}  // namespace vminit::vminitctl
