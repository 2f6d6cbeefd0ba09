// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"
#include "record.hpp"

namespace vminit::vminitctl {

/// The boot as a bar chart `columns` wide: a line a step, in order of start, with the milestones between them.
std::string boot_chart(const containerd::vminitd::services::system::v1::BootTimelineResponse& timeline,
                       std::size_t columns);

/// `{"steps": [{name, started_us, ended_us, outcome, text}], "milestones": [{phase, at_us}]}`.
record boot_facts(const containerd::vminitd::services::system::v1::BootTimelineResponse& timeline);

}  // namespace vminit::vminitctl
