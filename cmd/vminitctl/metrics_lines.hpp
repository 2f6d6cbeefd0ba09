// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json/array.hpp>
#include <string_view>

namespace vminit::vminitctl {

/// Samples of Prometheus text as `[{"name", "labels": {...}, "value"}]`; values JSON has no numbers for (`+Inf`, `NaN`)
/// are texts. Comments and lines that are no samples are left out.
boost::json::array metric_samples(std::string_view text);

}  // namespace vminit::vminitctl
