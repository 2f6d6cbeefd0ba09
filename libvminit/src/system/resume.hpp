// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "vminit/core/result.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::system {

/// Far more than the pool takes in (512 bits); a bound on what a peer can make us copy.
inline constexpr std::size_t max_entropy = 4096;

/// Blocks. See `system_service::resume`.
result<resume_outcome> apply_resume(const resume_request& request);

/// clock_settime(2) of the time of day. Errors: its errno.
result<void> set_wall_clock(wall_time now);

/// What the clock is to be set to when it shows `now`; nothing to leave it alone. Errors: invalid_argument.
result<std::optional<wall_time>> resumed_time(const resume_request& request, wall_time now);

}  // namespace vminit::system
