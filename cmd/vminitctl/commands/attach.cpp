// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/buffer.hpp>
#include <boost/json.hpp>
#include <optional>
#include <vector>

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

awaitable<result<int>> attach_to_process(client_session& guest, process_key key) {
    auto connected = co_await guest.connect();
    if (!connected) co_return connected.error();
    vminit::process::v1::LogsRequest request;
    request.set_id(key.id);
    request.set_exec_id(key.exec_id);
    request.set_follow(true);
    request.set_tail(0);
    auto printed = co_await print_log(guest, std::move(request));
    if (!printed && printed.error().code() == boost::system::errc::broken_pipe) co_return exit_unread;
    if (!printed) co_return printed.error();
    auto ended = co_await wait_process(guest, key, guest.no_limit());
    if (!ended) co_return ended.error();
    guest.out().report(exit_facts(key.id, key.exec_id, ended->exit_status(), ended->exited_at()));
    co_return static_cast<int>(ended->exit_status());
}

awaitable<result<int>> attach(client_session& guest, attach_options options) {
    if (options.stream) co_return co_await attach_to_stream(guest, *options.stream);
    co_return co_await attach_to_process(guest, std::move(options.key));
}

result<void> check_options(const attach_options& options) {
    if (options.key.id.empty() != options.stream.has_value())
        return error(errc::invalid_argument, "it needs the ID of a container, or --stream");
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
    command.add_option("--stream", options->stream, "instead: a stdio stream that has no process yet");
    commands.checks(command, [options] { return check_options(*options); });
    command.footer(
        "It prints what is written from now on (logs has the rest); its end, by ^C for example, changes nothing in the "
        "guest. With --stream it starts before the container, which is then run with -d and --stdout stream://STREAM "
        "or "
        "--stderr stream://STREAM, and goes on until the guest closes that.");
}

}  // namespace vminit::vminitctl
