// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/clock.hpp"

namespace vminit::vminitctl {

/// `2026-03-01T08:15:30.123456789Z`: RFC 3339 in UTC, always with nanoseconds, so that lines align and sort.
std::string format_time(wall_time when);

/// The same from the two halves of a protobuf Timestamp. Empty for "never": year 1, which the Task API answers for a
/// process that has not exited, and whatever lies outside the years 1970-2261.
std::string format_time(std::int64_t seconds, std::int32_t nanos);

}  // namespace vminit::vminitctl
