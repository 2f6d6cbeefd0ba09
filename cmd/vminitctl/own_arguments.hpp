// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <vector>

namespace vminit::vminitctl {

/// Where in `arguments` (without the program's name) the command line of a container begins that nobody has put behind
/// `--`: at the first word that is neither an option, nor an option's value, nor one of the words that `command` takes
/// itself. `command` is a direct subcommand of `program`, whose options may stand on both sides of its name. Returns
/// the size of `arguments` if there is none.
std::size_t own_arguments_begin(const CLI::App& program, const CLI::App& command,
                                const std::vector<std::string>& arguments);

/// The word that stands where a member of `among` should be named (`program` itself or one of its families), or
/// nothing.
std::string word_after(const CLI::App& program, const CLI::App& among, const std::vector<std::string>& arguments);

/// The subcommand that `arguments` names, or nothing.
const CLI::App* command_in(const CLI::App& program, const std::vector<std::string>& arguments);

}  // namespace vminit::vminitctl
