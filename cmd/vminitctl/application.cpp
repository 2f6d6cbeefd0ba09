// SPDX-License-Identifier: Apache-2.0
#include "application.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "commands/commands.hpp"
#include "container_vm.hpp"
#include "inherited_descriptor.hpp"
#include "start_failure.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> connect_and_run(client_session& guest, invocation& invoked) {
    if (invoked.traits.connection == needs::guest) {
        auto connected = co_await guest.connect();
        if (!connected) co_return connected.error();
    }
    co_return co_await invoked.run(guest);
}

// In `a || b` a branch that throws would leave the other one waiting.
awaitable<result<int>> contained(awaitable<result<int>> command) {
    try {
        co_return co_await std::move(command);
    } catch (const std::exception& thrown) {
        co_return error(errc::internal, thrown.what());
    }
}

awaitable<result<int>> run_while_read(client_session& guest, invocation& invoked) {
    using namespace asio::experimental::awaitable_operators;
    auto command = contained(connect_and_run(guest, invoked));
    auto outcome = co_await (std::move(command) || reader_gone(guest.context(), guest.local().out));
    if (outcome.index() == 1) co_return exit_unread;
    co_return std::move(std::get<0>(outcome));
}

result<void> find_guest(global_options& options) {
    auto settings = machine_settings();
    if (!settings) return settings.error();
    return options.vm.empty() ? find_container_vm(options, settings->state) : find_named_vm(options, *settings);
}

int failure_status(const invocation& invoked, const error& failure) {
    return invoked.traits.status == status_of::process ? status_of_start_failure(failure) : exit_failure;
}

// What a command printed is part of what it does. Who reads no more is not disturbed by a message.
std::optional<int> write_failure_status(client_session& guest, const invocation& invoked) {
    const auto& failure = guest.out().write_failure();
    if (!failure) return std::nullopt;
    if (failure->code() == boost::system::errc::broken_pipe) return exit_unread;
    guest.out().fail(*failure);
    return failure_status(invoked, *failure);
}

}  // namespace

awaitable<int> run_invocation(asio::io_context& context, invocation invoked, local_descriptors local) {
    result<void> found;
    bool is_named = !invoked.options.container.empty() || !invoked.options.vm.empty();
    if (is_named && invoked.traits.connection != needs::no_address) found = find_guest(invoked.options);
    client_session guest(context, invoked.options, local);
    result<int> status = exit_failure;
    if (!found) {
        status = found.error();
    } else if (invoked.traits.prints_on) {
        status = co_await run_while_read(guest, invoked);
    } else {
        status = co_await connect_and_run(guest, invoked);
    }
    if (status) co_return write_failure_status(guest, invoked).value_or(*status);
    guest.out().fail(status.error());
    co_return failure_status(invoked, status.error());
}

int run_program(asio::io_context& context, std::vector<std::string> arguments, local_descriptors local) {
    command_set commands;
    add_commands(commands);
    invocation invoked;
    if (auto stop = commands.parse(std::move(arguments), invoked)) {
        auto written = write_fully(stop->status == 0 ? local.out : local.err, stop->text, "output");
        return written ? stop->status : std::max(stop->status, exit_failure);
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
