// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"

namespace vminit::vminitctl {

/// The boot as a bar chart in SVG 1.1, readable on light and dark screens: a bar a step, coloured by its outcome, a
/// line down the page for each milestone, and the time at the bottom. Without anything recorded it says so.
std::string boot_picture(const containerd::vminitd::services::system::v1::BootTimelineResponse& timeline);

}  // namespace vminit::vminitctl
