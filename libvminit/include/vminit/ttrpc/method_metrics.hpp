// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "vminit/core/clock.hpp"

namespace vminit::ttrpc {

/// Counts of durations in powers of two: bucket 0 is below 1 µs, bucket i below 2^i µs, the last the rest.
class latency_histogram {
public:
    static constexpr std::size_t bucket_count = 26;  ///< the last but one ends at 2^24 µs, some 17 s

    void record(clock::duration span) noexcept;
    const std::array<std::uint32_t, bucket_count>& buckets() const noexcept { return buckets_; }
    clock::duration total() const noexcept { return total_; }  ///< of all durations

private:
    std::array<std::uint32_t, bucket_count> buckets_{};
    clock::duration total_{};
};

/// What happened to one method of one registered service so far. The names live as long as the registration.
struct method_metrics {
    std::string_view service;
    std::string_view method;
    std::uint64_t started = 0;
    std::uint64_t failed = 0;   ///< ended with a status other than OK, or by a lost connection
    std::uint32_t running = 0;  ///< now
    latency_histogram latency;  ///< from Request to terminal frame
    std::optional<clock::time_point> oldest;  ///< when the oldest call that is not answered yet began
};

}  // namespace vminit::ttrpc
