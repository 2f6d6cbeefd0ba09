// SPDX-License-Identifier: Apache-2.0
#include "completion.hpp"

#include "client_session.hpp"
#include "commands/commands.hpp"
#include "vminit/core/file.hpp"

namespace vminit::vminitctl {

namespace {

awaitable<result<int>> print(client_session& guest, std::string script) {
    guest.out().line(record{{"script", script}}, trimmed(script));
    co_return 0;
}

}  // namespace

void add_completion(command_set& commands) {
    auto shell = std::make_shared<std::string>();
    auto script = std::make_shared<std::string>();
    auto& command = commands.add(
        "completion", "print a script for a shell that completes our commands",
        [script](client_session& guest) { return print(guest, *script); },
        command_traits{needs::no_address, status_of::command});
    command.add_option("SHELL", *shell, "bash, zsh or fish")->required();
    commands.checks(command, [&commands, shell, script]() -> result<void> {
        auto made = completion_script(commands.program(), *shell);
        if (!made) return made.error();
        *script = std::move(*made);
        return {};
    });
}

}  // namespace vminit::vminitctl
