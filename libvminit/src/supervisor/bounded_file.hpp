// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::supervisor {

/// Appends `data` (at most `limit` bytes) to `path`, made with mode 0640 if missing, directories too. When the file
/// would grow beyond `limit` it first becomes `path`.1, replacing an older one. May sleep: for the blocking pool. The
/// file is opened anew each time, so that nothing needs to be told when somebody removes or truncates it.
result<void> append_bounded(const std::string& path, std::string_view data, std::size_t limit);

}  // namespace vminit::supervisor
