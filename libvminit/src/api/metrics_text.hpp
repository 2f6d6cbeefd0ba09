// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "guest_snapshot.hpp"

namespace vminit::api {

/// `snapshot` in Prometheus text exposition format. The label values are names of methods, topics and supervised
/// services, so that the number of series does not grow with what the guest does.
std::string metrics_text(const guest_snapshot& snapshot);

}  // namespace vminit::api
