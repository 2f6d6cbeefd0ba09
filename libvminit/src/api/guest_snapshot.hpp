// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vminit/core/asio.hpp"
#include "vminit/core/blocking.hpp"
#include "vminit/core/resource_usage.hpp"
#include "vminit/devices/device_service.hpp"
#include "vminit/events/exchange_service.hpp"
#include "vminit/process/process_service.hpp"
#include "vminit/reaper/reaper_service.hpp"
#include "vminit/streams/stream_service.hpp"
#include "vminit/supervisor/supervised_status.hpp"
#include "vminit/system/boot_timeline.hpp"
#include "vminit/ttrpc/server_service.hpp"

namespace vminit::api {

struct core_facts {
    clock::duration loop_lag{};
    clock::duration longest_stall{};
    lane_counters lanes;
    std::vector<blocking_job> oldest_jobs;  ///< at work for a second or longer, the oldest first, the first few
    resource_usage usage;
    std::uint64_t log_dropped = 0;
};

struct reaper_facts {
    reaper::reaper_counters counters;
    std::size_t zombies = 0;
};

struct system_facts {
    std::string version;
    system::uptime uptime{};
    std::size_t frozen = 0;
    std::vector<std::string> degraded_steps;
};

struct event_facts {
    events::exchange_counters counters;
    std::vector<events::topic_count> topics;
};

struct server_facts {
    ttrpc::server_counters counters;
    ttrpc::server_limits limits;
    std::vector<ttrpc::method_metrics> methods;  ///< their names live as long as the server's registrations
};

struct runtime_state_facts {
    std::size_t running = 0;
    std::string problem;  ///< why nothing can be started; empty if nothing is known against it
};

/// What all layers know about themselves at one moment. Layers that are not on the context are left out.
struct guest_snapshot {
    clock::time_point now{};
    core_facts core;
    std::optional<reaper_facts> reaper;
    std::optional<system_facts> system;
    std::optional<devices::device_counters> devices;
    std::optional<event_facts> events;
    std::optional<server_facts> server;
    std::optional<streams::stream_counters> streams;
    std::optional<runtime_state_facts> runtime;
    std::optional<process::process_counters> process;
    std::optional<std::vector<supervisor::supervised_status>> services;
};

/// Asks every layer. Needs nothing that may hang: what lies on disks is looked at for 200 ms at most; what cannot be
/// read counts as zero.
awaitable<guest_snapshot> take_snapshot(asio::io_context& context, const system::boot_timeline& timeline);

}  // namespace vminit::api
