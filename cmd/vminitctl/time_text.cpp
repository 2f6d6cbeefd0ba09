// SPDX-License-Identifier: Apache-2.0
#include "time_text.hpp"

#include <fmt/format.h>

namespace vminit::vminitctl {

std::string format_time(wall_time when) {
    auto day = std::chrono::floor<std::chrono::days>(when);
    std::chrono::year_month_day date(day);
    std::chrono::hh_mm_ss time(when - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                       time.minutes().count(), time.seconds().count(), time.subseconds().count());
}

std::string format_time(std::int64_t seconds, std::int32_t nanos) {
    constexpr std::int64_t first_second_past_nanoseconds_in_64_bits = 9223372036;
    bool is_in_range =
        seconds >= 0 && seconds < first_second_past_nanoseconds_in_64_bits && nanos >= 0 && nanos < 1000000000;
    if (!is_in_range || (seconds == 0 && nanos == 0)) return {};
    return format_time(wall_time(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanos)));
}

}  // namespace vminit::vminitctl
