// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "github.com/containerd/cgroups/cgroup2/stats/metrics.pb.h"
#include "record.hpp"
#include "vminit/core/clock.hpp"

namespace vminit::vminitctl {

/// Makes rates of what containers have used: the rows of `top`.
class usage_meter {
public:
    /// The row of one container. CPU is in per cent of one CPU since its last row; null in its first.
    record row(const std::string& id, const io::containerd::cgroups::v2::Metrics& metrics, clock::time_point now);

    /// The column heads, for a table without rows.
    static constexpr std::string_view titles[] = {"id", "cpu_percent", "memory", "memory_limit", "pids"};

private:
    struct sample {
        std::uint64_t cpu_usec;
        clock::time_point when;
    };
    std::optional<double> cpu_percent(const std::string& id, sample now);

    std::map<std::string, sample> last_;
};

}  // namespace vminit::vminitctl
