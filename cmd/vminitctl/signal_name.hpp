// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::vminitctl {

/// A signal by number (0-64) or by name, with or without `SIG`, in any case: `9`, `KILL`, `sigterm`, `RTMIN+3`.
/// Errors: invalid_argument.
result<std::uint32_t> parse_signal(std::string_view text);

/// Its name without `SIG`, or its number if it has none here.
std::string signal_name(std::uint32_t signal);

}  // namespace vminit::vminitctl
