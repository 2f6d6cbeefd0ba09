// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "github.com/spin-stack/spinbox/api/services/system/v1/info.pb.h"
#include "guest_snapshot.hpp"
#include "vminit/core/result.hpp"
#include "vminit/devices/block_device.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/system/system_service.hpp"
#include "vminit/system/v1/system.pb.h"

namespace vminit::api {

void set_step(containerd::vminitd::services::system::v1::BootStep& target, const system::step_record& step);

containerd::vminitd::services::system::v1::BootTimelineResponse to_message(const system::boot_timeline& timeline);
vminit::system::v1::HealthResponse to_health(const guest_snapshot& snapshot);
vminit::system::v1::DevicesResponse to_message(const std::vector<devices::block_device>& devices);
vminit::system::v1::ContainersResponse to_message(const std::vector<process::container_summary>& containers);

/// Errors: invalid_argument for a time or a step that no clock can show.
result<system::resume_request> from_message(vminit::system::v1::ResumeRequest&& message);
vminit::system::v1::ResumeResponse to_message(const system::resume_outcome& outcome);

/// As an event on the topic `/vminit/system/resumed`.
events::payload to_event(const system::resume_outcome& outcome);

}  // namespace vminit::api
