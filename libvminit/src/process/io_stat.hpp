// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "vminit/process/cgroup_metrics.hpp"

namespace vminit::process {

inline constexpr std::size_t max_io_entries = 1024;  ///< block devices with I/O: a VM has a few dozen at most

/// The text of io.stat: `253:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`, an entry a line. Lines without a
/// pair are skipped. A device number that is none ends the reading; what was read so far is kept. A bad value leaves
/// its key 0. Some kernels end no line after a device without I/O (`7:1 253:0 rbytes=...`): the last number counts.
std::vector<io_entry> parse_io_stat(std::string_view text);

}  // namespace vminit::process
