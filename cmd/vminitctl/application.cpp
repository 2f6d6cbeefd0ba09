#include "application.hpp"

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "commands/commands.hpp"
#include "inherited_descriptor.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> connect_and_run(client_session& guest, invocation& invoked) {
    if (invoked.connection == needs::guest) {
        auto connected = co_await guest.connect();
        if (!connected) co_return connected.error();
    }
    co_return co_await invoked.run(guest);
}

}  // namespace

awaitable<int> run_invocation(asio::io_context& context, invocation invoked, local_descriptors local) {
    client_session guest(context, invoked.options, local);
    auto status = co_await connect_and_run(guest, invoked);
    if (status) co_return *status;
    guest.out().fail(status.error());
    co_return exit_failure;
}

int run_program(asio::io_context& context, std::vector<std::string> arguments, local_descriptors local) {
    command_set commands;
    add_commands(commands);
    invocation invoked;
    if (auto stop = commands.parse(std::move(arguments), invoked)) {
        (void)write_fully(stop->status == 0 ? local.out : local.err, stop->text, "output");
        return stop->status;
    }
    int status = exit_failure;
    std::exception_ptr thrown;
    auto finished = [&](std::exception_ptr failure, int value) {
        thrown = failure;
        status = value;
        context.stop();
    };
    asio::co_spawn(context, run_invocation(context, std::move(invoked), local), finished);
    context.run();
    if (thrown) std::rethrow_exception(thrown);
    return status;
}

}  // namespace vminit::vminitctl
