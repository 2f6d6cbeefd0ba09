// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"
#include "vminit/runc/runc_service.hpp"

/// What a runtime prints on stdout.
namespace vminit::runc {

/// `ps --format json`: an array of pids in any layout; `null` is none.
result<std::vector<pid_t>> parse_pids(std::string_view output);

/// `state`: one JSON object.
result<runtime_state> parse_state(std::string_view output);

}  // namespace vminit::runc
