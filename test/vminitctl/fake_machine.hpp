// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "vminit/system/v1/machine.pb.h"

namespace vminit::test {

/// What the Machine service of a fake guest answers and was asked.
struct fake_machine_answers {
    std::vector<vminit::system::v1::LogsResponse> logs;
    vminit::system::v1::LogsRequest logs_asked;
    vminit::system::v1::ClockResponse clock;  ///< without a time: that of this machine and `ahead` more
    std::int64_t ahead_ns = 0;                ///< which steps change
    std::vector<vminit::system::v1::ClockRequest> clock_asked;
    vminit::system::v1::ReclaimResponse reclaimed;
    vminit::system::v1::ReclaimRequest reclaim_asked;
    vminit::system::v1::NetworkResponse network;
    vminit::system::v1::NetworkRequest network_asked;
};

}  // namespace vminit::test
