// SPDX-License-Identifier: Apache-2.0
#include "vminit/ttrpc/method_metrics.hpp"

#include <algorithm>
#include <bit>

namespace vminit::ttrpc {

void latency_histogram::record(clock::duration span) noexcept {
    total_ += span;
    auto micros = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
    auto width = std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(micros, 0)));
    ++buckets_[std::min<std::size_t>(static_cast<std::size_t>(width), bucket_count - 1)];
}

}  // namespace vminit::ttrpc
