// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "record.hpp"

namespace vminit::vminitctl {

/// Records as aligned columns under a line of upper-case keys. All records have the fields of the first; columns of
/// numbers are flushed right. Lines have no trailing blanks and end with a newline. `titles` make a table of no
/// records.
std::string table_of(std::span<const record> rows, std::span<const std::string_view> titles = {});

/// One record as `key:  value` lines.
std::string listing_of(const record& facts);

/// Columns a terminal needs for UTF-8 text (one per code point; good enough for ids and units).
std::size_t display_width(std::string_view text) noexcept;

}  // namespace vminit::vminitctl
