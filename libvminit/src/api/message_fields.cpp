// SPDX-License-Identifier: Apache-2.0
#include "message_fields.hpp"

#include <chrono>
#include <limits>

namespace vminit::api {

namespace {

// time.Time{} in Go: 0001-01-01T00:00:00Z.
constexpr std::int64_t go_zero_time_seconds = -62135596800;

}  // namespace

void set_timestamp(google::protobuf::Timestamp& target, std::optional<wall_time> time) {
    if (!time) {
        target.set_seconds(go_zero_time_seconds);
        return;
    }
    auto seconds = std::chrono::floor<std::chrono::seconds>(*time);
    target.set_seconds(seconds.time_since_epoch().count());
    target.set_nanos(static_cast<std::int32_t>((*time - seconds).count()));
}

std::optional<wall_time> get_timestamp(const google::protobuf::Timestamp& source) noexcept {
    constexpr std::int64_t farthest_second = std::numeric_limits<std::int64_t>::max() / 1'000'000'000 - 1;
    constexpr std::int32_t nanos_in_a_second = 1'000'000'000;
    bool is_usable = source.seconds() >= -farthest_second && source.seconds() <= farthest_second &&
                     source.nanos() >= 0 && source.nanos() < nanos_in_a_second;
    if (!is_usable) return std::nullopt;
    return wall_time(std::chrono::seconds(source.seconds()) + std::chrono::nanoseconds(source.nanos()));
}

std::string_view type_name(std::string_view type_url) noexcept {
    auto slash = type_url.rfind('/');
    return slash == std::string_view::npos ? type_url : type_url.substr(slash + 1);
}

}  // namespace vminit::api
