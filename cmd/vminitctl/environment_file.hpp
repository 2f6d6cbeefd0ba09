// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"

/// Variables of a process that a command line does not name one by one.
namespace vminit::vminitctl {

/// `text`, if it is NAME=VALUE or NAME. Errors: invalid_argument.
result<std::string> parse_environment(const std::string& text);

/// What docker's --env-file takes, at most 4 MiB: a line each NAME=VALUE, or NAME for our own value; empty lines and
/// those that begin with # are none. Values are taken as they are, quotes too. Of a name that stands twice the later
/// counts. Errors: of open; invalid_argument with the line's number.
result<std::vector<std::string>> read_environment_file(const std::string& path);

/// Puts the `defaults` that `given` has not before it: in an environment the order is what programs see.
void add_default_environment(std::vector<std::string> defaults, std::vector<std::string>& given);

}  // namespace vminit::vminitctl
