// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `containerd.vminitd.services.system.v1.System` over `system::system_service`. `timeline` is what BootTimeline
/// answers; it outlives the service.
std::shared_ptr<ttrpc::service_base> make_system_api(asio::io_context& context, const system::boot_timeline& timeline);

}  // namespace vminit::api
