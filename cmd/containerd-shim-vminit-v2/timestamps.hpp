// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include "vminit/core/clock.hpp"

namespace vminit::shim {

inline void set_timestamp(google::protobuf::Timestamp& into, wall_time when) {
    auto seconds = std::chrono::floor<std::chrono::seconds>(when);
    into.set_seconds(seconds.time_since_epoch().count());
    into.set_nanos(static_cast<std::int32_t>((when - seconds).count()));
}

inline wall_time from_timestamp(const google::protobuf::Timestamp& when) {
    return wall_time(std::chrono::seconds(when.seconds()) + std::chrono::nanoseconds(when.nanos()));
}

}  // namespace vminit::shim
