// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "vminit/core/result.hpp"

namespace vminit {

/// The names in a directory, sorted, without those of itself and its parent. At most `most` are read; which ones, the
/// filesystem chooses. May sleep: not for the loop, but where the filesystem is the kernel's own memory (procfs, sysfs,
/// cgroupfs). Errors: errno of opening it.
result<std::vector<std::string>> names_in(const std::string& path,
                                          std::size_t most = std::numeric_limits<std::size_t>::max());

/// The same for those that are wanted.
result<std::vector<std::string>> names_in(const std::string& path, std::size_t most,
                                          bool (*is_wanted)(std::string_view));

/// The same for its directories alone. Where a filesystem does not tell what an entry is, there are none.
result<std::vector<std::string>> directories_in(const std::string& path,
                                                std::size_t most = std::numeric_limits<std::size_t>::max());

}  // namespace vminit
