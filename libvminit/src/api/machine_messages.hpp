// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/result.hpp"
#include "vminit/system/guest_clock.hpp"
#include "vminit/system/memory_reclaim.hpp"
#include "vminit/system/network_change.hpp"
#include "vminit/system/network_state.hpp"
#include "vminit/system/v1/machine.pb.h"

namespace vminit::api {

system::clock_change from_message(const vminit::system::v1::ClockRequest& message);
vminit::system::v1::ClockResponse to_message(const system::clock_state& state);

/// Errors: invalid_argument.
result<system::network_change> from_message(const vminit::system::v1::NetworkRequest& message);
vminit::system::v1::ReclaimResponse to_message(const system::reclaim_outcome& outcome);
vminit::system::v1::NetworkResponse to_message(const system::network_state& state);

}  // namespace vminit::api
