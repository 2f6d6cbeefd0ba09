// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ctime>
#include <string>

#include "vminit/core/result.hpp"

namespace vminit::image {

/// Gives every entry below `directory` whose time of modification is not before `begin` the time `instead`: those that
/// no layer names, or that were changed while layers were laid over them. So an image does not tell when it was made.
/// Links are not followed. Errors: those of the walk.
result<void> settle_times(const std::string& directory, std::time_t begin, std::time_t instead);

}  // namespace vminit::image
