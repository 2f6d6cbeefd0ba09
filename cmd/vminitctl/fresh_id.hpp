// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vminit::vminitctl {

/// `count` different stream ids from the upper half of the range: hosts number theirs from 1, so both can use one
/// guest.
std::vector<std::uint32_t> fresh_stream_ids(std::size_t count);

/// A container id nobody has: `ctl-` and eight hexadecimal digits.
std::string fresh_container_id();

}  // namespace vminit::vminitctl
