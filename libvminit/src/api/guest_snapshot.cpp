#include "guest_snapshot.hpp"

#include <unistd.h>

#include "vminit/core/loop_meter.hpp"
#include "vminit/core/syscalls.hpp"
#include "vminit/reaper/zombies.hpp"
#include "vminit/runc/runc_service.hpp"
#include "vminit/supervisor/supervisor_service.hpp"
#include "vminit/system/system_service.hpp"

namespace vminit::api {

namespace {

/// What is only to be had from files.
struct file_facts {
    resource_usage usage;
    std::size_t zombies = 0;
    std::string runtime_problem;
};

/// The layer's service if the context has it.
template <class Service>
Service* service_of(asio::io_context& context) {
    return asio::has_service<Service>(context) ? &asio::use_service<Service>(context) : nullptr;
}

result<file_facts> read_files(const std::string& runtime) {
    file_facts facts;
    if (auto usage = read_resource_usage()) facts.usage = *usage;
    facts.zombies = reaper::count_zombies(::getpid());
    // A name without a directory is looked up when it is started.
    if (!runtime.starts_with('/')) return facts;
    auto usable = syscalls::attempt("access", runtime, [&] { return ::access(runtime.c_str(), X_OK); });
    if (!usable) facts.runtime_problem = usable.error().message();
    return facts;
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
    snapshot.core.blocking = pool.counters();
    auto job = [binary = runtime ? runtime->config().binary : std::string()] { return read_files(binary); };
    auto files = co_await pool.run(blocking_lane::files, std::move(job), "read procfs");
    auto read = files ? std::move(*files) : file_facts();
    snapshot.now = clock::now();
    snapshot.core.longest_stall = meter.longest_stall();
    snapshot.core.usage = read.usage;
    snapshot.core.log_dropped = log_of(context).dropped();
    if (auto* found = service_of<reaper::reaper_service>(context)) {
        snapshot.reaper = reaper_facts{found->counters(), read.zombies};
    }
    if (runtime != nullptr) snapshot.runtime = runtime_state_facts{runtime->running(), read.runtime_problem};
    add_layers(context, timeline, snapshot);
    co_return snapshot;
}

}  // namespace vminit::api
