// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::vminitd {

/// The table of all settings for a Markdown page.
std::string markdown_of_settings();

/// The options for a man page, in man(7).
std::string man_of_settings();

/// `page` with what stands between its two marker lines (each contains `generated from the table of settings`: begin,
/// end) replaced by the text for its kind: man(7) if it begins with `.`, Markdown otherwise. Errors: invalid_argument
/// without the markers.
result<std::string> with_settings(std::string_view page);

}  // namespace vminit::vminitd
