#include <boost/asio/buffer.hpp>
#include <boost/json.hpp>
#include <vector>

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "inherited_descriptor.hpp"

namespace vminit::vminitctl {

namespace {

constexpr std::size_t copy_size = std::size_t{64} << 10;

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

awaitable<result<int>> attach(client_session& guest, std::uint32_t id) {
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

}  // namespace

void add_attach(command_set& commands) {
    auto id = std::make_shared<std::uint32_t>(0);
    auto& command = commands.add(
        "attach", "print what is written to a stdio stream", [id](client_session& guest) { return attach(guest, *id); },
        command_traits{needs::nothing, status_of::command, true});
    command.add_option("STREAM", *id, "a number that no stream has yet")->required();
    command.footer(
        "Start it before the container, which is then run with -d and --stdout stream://STREAM or --stderr "
        "stream://STREAM. It goes on until the guest closes the stream, when the container is deleted. There is no "
        "attaching to what runs already: a process has the streams it was created with.");
}

}  // namespace vminit::vminitctl
