#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vminit::system {

/// The paths in a module list: one a line, in load order; blank lines and `#` comments are left out.
std::vector<std::string> parse_module_list(std::string_view text);

/// How many of `paths`, from the first on, must be loaded before we can serve: up to the last whose file name says
/// `vsock`, all if none does.
std::size_t count_serving_modules(const std::vector<std::string>& paths);

}  // namespace vminit::system
