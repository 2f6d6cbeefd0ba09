// SPDX-License-Identifier: Apache-2.0
#include "usage_meter.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <limits>

#include "quantity.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

field size_field(std::string_view key, std::uint64_t bytes) {
    if (bytes == std::numeric_limits<std::uint64_t>::max()) return field(key, nullptr, "max");
    return field(key, bytes, format_bytes(bytes));
}

}  // namespace

std::optional<double> usage_meter::cpu_percent(const std::string& id, sample now) {
    auto [position, is_first] = last_.try_emplace(id, now);
    auto before = std::exchange(position->second, now);
    auto elapsed = std::chrono::duration<double, std::micro>(now.when - before.when).count();
    // Less than before: another container under the same id.
    if (is_first || elapsed <= 0 || now.cpu_usec < before.cpu_usec) return std::nullopt;
    return 100.0 * static_cast<double>(now.cpu_usec - before.cpu_usec) / elapsed;
}

record usage_meter::row(const std::string& id, const io::containerd::cgroups::v2::Metrics& metrics,
                        clock::time_point now) {
    auto percent = cpu_percent(id, sample{metrics.cpu().usage_usec(), now});
    field cpu("cpu_percent", nullptr);
    if (percent) cpu = field("cpu_percent", *percent, fmt::format("{:.1f}", *percent));
    return {{"id", id},
            std::move(cpu),
            size_field("memory", metrics.memory().usage()),
            size_field("memory_limit", metrics.memory().usage_limit()),
            {"pids", metrics.pids().current()}};
}

}  // namespace vminit::vminitctl
