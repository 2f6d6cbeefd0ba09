// SPDX-License-Identifier: Apache-2.0
#include "guest_snapshot.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "start_requirements.hpp"
#include "vminit/core/loop_meter.hpp"
#include "vminit/core/timeout.hpp"
#include "vminit/reaper/zombies.hpp"
#include "vminit/runc/runc_service.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::api {

namespace {

constexpr auto look_limit = std::chrono::milliseconds(200);
constexpr std::string_view look_name = "look for what starts need";

/// The layer's service if the context has it.
template <class Service>
Service* service_of(asio::io_context& context) {
    return asio::has_service<Service>(context) ? &asio::use_service<Service>(context) : nullptr;
}

start_requirements needed(asio::io_context& context, const runc::runc_service& runtime) {
    start_requirements wanted;
    wanted.runtime = runtime.config().binary;
    wanted.runtime_state = runtime.config().root;
    if (auto* machine = service_of<system::system_service>(context)) {
        wanted.cgroup_root = machine->config().sysfs + "/fs/cgroup";
    }
    return wanted;
}

// With a limit, and one look at a time: paths may lead to a disk that stalls, and each look there costs a thread.
awaitable<std::string> look_for_obstacles(blocking_service& pool, start_requirements wanted) {
    std::string late = fmt::format("{} ms were not enough to look for the runtime", look_limit.count());
    // Half of it: a job is begun after its limit.
    for (const auto& job : pool.older_than(look_limit / 2, blocking_service::max_queued)) {
        if (job.what == look_name) co_return late;
    }
    auto job = [wanted = std::move(wanted)]() -> result<std::string> { return start_obstacles(wanted); };
    auto looking = pool.run(blocking_lane::files, std::move(job), std::string(look_name));
    auto found = co_await with_timeout(std::move(looking), look_limit, "look");
    if (found) co_return *found;
    co_return late;
}

system_facts facts_of(const system::system_service& machine, const system::boot_timeline& timeline) {
    system_facts facts;
    facts.version = machine.config().version;
    facts.uptime = timeline.now();
    facts.frozen = machine.frozen_filesystems();
    for (const auto& step : timeline.steps()) {
        if (step.outcome != system::step_outcome::ok) facts.degraded_steps.push_back(step.name);
    }
    return facts;
}

server_facts facts_of(const ttrpc::server_service& server) {
    server_facts facts;
    facts.counters = server.counters();
    facts.limits = server.limits();
    facts.methods = server.metrics();
    return facts;
}

void add_layers(asio::io_context& context, const system::boot_timeline& timeline, guest_snapshot& snapshot) {
    if (auto* found = service_of<system::system_service>(context)) snapshot.system = facts_of(*found, timeline);
    if (auto* found = service_of<devices::device_service>(context)) snapshot.devices = found->counters();
    if (auto* found = service_of<events::exchange_service>(context)) {
        snapshot.events = event_facts{found->counters(), found->topics()};
    }
    if (auto* found = service_of<ttrpc::server_service>(context)) snapshot.server = facts_of(*found);
    if (auto* found = service_of<streams::stream_service>(context)) snapshot.streams = found->counters();
    if (auto* found = service_of<process::process_service>(context)) snapshot.process = found->counters();
    if (auto* found = service_of<supervisor::supervisor_service>(context)) snapshot.services = found->list();
}

}  // namespace

awaitable<guest_snapshot> take_snapshot(asio::io_context& context, const system::boot_timeline& timeline) {
    auto& meter = asio::use_service<loop_meter>(context);
    auto& pool = asio::use_service<blocking_service>(context);
    auto* runtime = service_of<runc::runc_service>(context);
    guest_snapshot snapshot;
    snapshot.core.loop_lag = co_await meter.measure_lag();
    // Before our own job is among them.
    for (std::size_t i = 0; i < blocking_lane_count; ++i) {
        snapshot.core.lanes[i] = pool.counters(static_cast<blocking_lane>(i));
    }
    snapshot.core.oldest_jobs = pool.older_than(std::chrono::seconds(1));
    std::string obstacles;
    if (runtime != nullptr) {
        auto wanted = needed(context, *runtime);
        obstacles = co_await look_for_obstacles(pool, std::move(wanted));
    }
    snapshot.now = clock::now();
    snapshot.core.longest_stall = meter.longest_stall();
    // Of procfs only what waits for nobody's memory map: this is answered whatever hangs.
    if (auto usage = read_resource_usage()) snapshot.core.usage = *usage;
    snapshot.core.log_dropped = log_of(context).dropped();
    if (auto* found = service_of<reaper::reaper_service>(context)) {
        snapshot.reaper = reaper_facts{found->counters(), reaper::count_zombies(::getpid())};
    }
    if (runtime != nullptr) snapshot.runtime = runtime_state_facts{runtime->running(), std::move(obstacles)};
    add_layers(context, timeline, snapshot);
    co_return snapshot;
}

}  // namespace vminit::api
