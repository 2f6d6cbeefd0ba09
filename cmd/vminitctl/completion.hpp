// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// A script that makes a shell (bash, zsh or fish) complete the commands and options of `program`, and file names where
/// neither fits. Errors: invalid_argument for another shell.
result<std::string> completion_script(const CLI::App& program, std::string_view shell);

}  // namespace vminit::vminitctl
