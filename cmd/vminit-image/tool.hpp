// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit::image {

/// Runs a program of this machine to its end, found in PATH unless its name has a slash, and returns what it printed on
/// stdout. What it says on stderr is in the error when it fails. Errors: not_found with its name if there is no such
/// program; unknown with its words or its status.
result<std::string> output_of(const std::vector<std::string>& command,
                              const std::vector<std::string>& environment = {});

}  // namespace vminit::image
