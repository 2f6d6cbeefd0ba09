// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace vminit::runc {

/// `text` in double quotes as Go's %q prints it: `\"`, `\\`, `\n`, `\x00`; UTF-8 stays as it is.
std::string in_quotes(std::string_view text);

}  // namespace vminit::runc
