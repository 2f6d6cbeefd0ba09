#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vminit::system {

/// The paths in a module list: one a line, in load order; blank lines and `#` comments are left out.
std::vector<std::string> parse_module_list(std::string_view text);

}  // namespace vminit::system
