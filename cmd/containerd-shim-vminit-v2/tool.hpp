// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"

namespace vminit::shim {

/// A program of this machine that does something short and says something short.
struct tool {
    tool() = default;
    explicit tool(std::vector<std::string> command) : command(std::move(command)) {}

    std::vector<std::string> command;
    std::string input;                      ///< its standard input
    std::string network_namespace;          ///< in which it runs; empty: ours
    std::vector<std::string> cgroup_procs;  ///< of the cgroups in which it runs; empty: ours
};

/// What a tool may say: more is an error.
inline constexpr std::size_t longest_output = std::size_t{1} << 20;

/// Runs it to its end and returns what it printed. Errors: those of `reaper_service::launch`; unknown with what it said
/// on stderr when it fails; resource_exhausted beyond `longest_output`; deadline_exceeded after 10 s, when it is
/// killed.
awaitable<result<std::string>> output_of(asio::io_context& context, tool run);

}  // namespace vminit::shim
