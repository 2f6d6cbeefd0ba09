// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"

namespace vminit::vminitctl {

/// A step or a milestone of the boot as a line of a chart; times in microseconds.
struct boot_line {
    std::uint64_t from = 0;
    std::uint64_t to = 0;  ///< `from` for a milestone
    std::string label;     ///< with what went wrong
    bool is_milestone = false;
    int outcome = 0;
};

/// All of them by start; what starts together stays in the guest's order.
std::vector<boot_line> boot_lines(const containerd::vminitd::services::system::v1::BootTimelineResponse& timeline);

struct time_span {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;  ///< never `begin`
};

/// From the first start to the last end. `lines` is not empty.
time_span boot_span(const std::vector<boot_line>& lines);

/// `ok`, `degraded` or `failed`.
std::string_view boot_outcome(int outcome);

/// `12.345 ms`.
std::string milliseconds_text(std::uint64_t microseconds);

}  // namespace vminit::vminitctl
