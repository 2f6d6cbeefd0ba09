// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vminit::runc {

struct common_part {
    std::string text;    ///< empty if there is none
    bool is_all = true;  ///< nothing of what was wanted is missing
};

/// Those of `wanted` that are in `present` too, all in the kernel's list format (`0-3,8`). Nothing if one of the two is
/// not in that format.
std::optional<common_part> common_numbers(std::string_view wanted, std::string_view present);

}  // namespace vminit::runc
