// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "client_session.hpp"
#include "command_set.hpp"

namespace vminit::vminitctl {

/// Runs one command on `context` and returns its exit status; a failure is printed.
awaitable<int> run_invocation(asio::io_context& context, invocation invoked, local_descriptors local);

/// The whole program: `arguments` without the program's name, the status to exit with. `context` is not running.
int run_program(asio::io_context& context, std::vector<std::string> arguments, local_descriptors local);

}  // namespace vminit::vminitctl
