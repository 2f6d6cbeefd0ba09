// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vminit::vminitctl {

/// The one of `words` that somebody meant who typed `typed`: by the number of letters that are wrong, missing, too many
/// or swapped with their neighbour, at most one in three. Empty if none is that near.
std::string nearest_word(std::string_view typed, const std::vector<std::string>& words);

}  // namespace vminit::vminitctl
