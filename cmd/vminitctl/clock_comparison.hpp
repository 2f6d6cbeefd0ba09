// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "client_session.hpp"
#include "vminit/system/v1/machine.pb.h"

namespace vminit::vminitctl {

/// The guest's clock beside ours.
struct clock_comparison {
    vminit::system::v1::ClockResponse clock;
    std::int64_t ahead_ns = 0;      ///< of ours
    std::int64_t uncertain_ns = 0;  ///< either way
};

/// Reads the guest's clock some times and takes the quickest. Errors: of the call.
awaitable<result<clock_comparison>> compare_clocks(client_session& guest);

/// How the driver of KVM's PTP clock, which shows the host's time, calls it.
inline constexpr std::string_view kvm_clock = "KVM virtual PTP";

}  // namespace vminit::vminitctl
