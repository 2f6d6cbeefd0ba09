// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

/// Small whole-file operations, for procfs, sysfs, cgroupfs, pid files and configuration.
namespace vminit {

/// Larger than any procfs or cgroupfs file we read; a bound so that a hostile file cannot exhaust memory.
inline constexpr std::size_t default_read_limit = std::size_t{1} << 20;

/// Reads at most `limit` bytes from the start of `path` (procfs files report size 0, so it reads to the end).
/// Errors: errno of open or read. A longer file is cut, not an error.
result<std::string> read_file(const std::string& path, std::size_t limit = default_read_limit);

/// Writes `data` to an existing file in one write(2), as sysfs and cgroupfs need.
result<void> write_file(const std::string& path, std::string_view data);

/// Creates or replaces `path` with exactly `data` and mode `mode` (not subject to umask): written to a
/// temporary in the same directory, then renamed. The temporary is removed on failure.
result<void> replace_file(const std::string& path, std::string_view data, mode_t mode);

/// mkdir(2) of every missing level. An existing directory is success; the mode applies to new levels, exactly.
result<void> make_directories(const std::string& path, mode_t mode);

/// `text` without leading and trailing white space.
std::string_view trimmed(std::string_view text) noexcept;

}  // namespace vminit
