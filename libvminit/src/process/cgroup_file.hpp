// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "vminit/core/result.hpp"

namespace vminit::process {

/// Longer than any cgroup file whose size is not ours to say: memory.stat has 2 KiB, io.stat 150 bytes a device.
inline constexpr std::size_t max_cgroup_file = std::size_t{64} * 1024;

/// The whole lines in the first `max_cgroup_file` bytes of `path`. Errors: errno of open or read.
result<std::string> read_cgroup_file(const std::string& path);

/// Whether `failure` says that a file or its cgroup does not exist: ENOENT, or ENODEV from a descriptor or file of a
/// cgroup that is being removed.
bool is_gone(const error& failure) noexcept;

}  // namespace vminit::process
