// SPDX-License-Identifier: Apache-2.0
#include "output_patience.hpp"

#include <algorithm>

namespace vminit::vminitctl {

std::optional<clock::duration> output_patience::left(clock::time_point ended, clock::time_point now) const {
    auto since = ended;
    for (const auto& each : outputs_) {
        if (each.is_writing) return std::nullopt;
        if (each.is_open) since = std::max(since, each.since);
    }
    return since + limit_ - now;
}

}  // namespace vminit::vminitctl
