// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include <boost/json.hpp>

#include "commands/commands.hpp"
#include "commands/process_argument.hpp"
#include "signal_name.hpp"

namespace vminit::vminitctl {

namespace {

struct kill_options {
    process_key key;
    std::uint32_t signal = SIGTERM;
    bool everything = false;
};

awaitable<result<int>> kill(client_session& guest, kill_options options) {
    auto target = options.everything ? kill_target::all : kill_target::process;
    auto killed = co_await kill_process(guest, options.key, options.signal, target);
    if (!killed) co_return killed.error();
    record facts{{"id", options.key.id}, {"signal", options.signal}};
    if (guest.out().is_json()) guest.out().answer(facts);
    co_return 0;
}

}  // namespace

void add_kill(command_set& commands) {
    auto options = std::make_shared<kill_options>();
    auto& command = commands.add("kill", "send a signal to a process",
                                 [options](client_session& guest) { return kill(guest, *options); });
    declare_process(command, options->key);
    add_parsed(command, "SIGNAL,-s,--signal", options->signal, parse_signal, "number or name (default TERM)");
    command.add_flag("--all", options->everything, "to all processes of the container");
}

}  // namespace vminit::vminitctl
