// SPDX-License-Identifier: Apache-2.0
#include "metrics_text.hpp"

#include "prometheus_text.hpp"

namespace vminit::api {

namespace {

using enum metric_kind;

constexpr std::string_view exit_topic = "/tasks/exit";

void add(prometheus_text& out, const lane_counters& lanes) {
    auto family = [&](std::string_view name, metric_kind kind, std::string_view help, auto blocking_counters::*value) {
        out.family(name, kind, help);
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            out.sample(std::uint64_t{lanes[i].*value}, {{"lane", name_of(static_cast<blocking_lane>(i))}});
        }
    };
    family("vminit_blocking_jobs_total", counter, "Blocking jobs done, by lane.", &blocking_counters::done);
    family("vminit_blocking_jobs_refused_total", counter, "Blocking jobs refused: the lane was full.",
           &blocking_counters::refused);
    family("vminit_blocking_jobs_queued", gauge, "Blocking jobs that wait for a thread.", &blocking_counters::queued);
    family("vminit_blocking_jobs_running", gauge, "Blocking jobs at work.", &blocking_counters::running);
    family("vminit_blocking_jobs_abandoned", gauge, "Blocking jobs at work that nobody waits for any more.",
           &blocking_counters::abandoned);
}

void add(prometheus_text& out, const core_facts& facts) {
    const auto& usage = facts.usage;
    out.single("process_resident_memory_bytes", gauge, "Memory of vminitd that is in use.", usage.resident_bytes);
    out.single("process_heap_bytes", gauge, "What vminitd has allocated and not freed.", usage.heap_bytes);
    out.single("process_cpu_seconds_total", counter, "CPU time of vminitd; as PID 1 with the kernel's own start.",
               clock::duration(usage.cpu));
    out.single("process_open_fds", gauge, "Open descriptors of vminitd.", usage.open_files);
    out.single("process_threads", gauge, "Threads of vminitd.", usage.threads);
    out.single("vminit_loop_lag_seconds", gauge, "How long a handler queued for this answer had to wait.",
               facts.loop_lag);
    out.single("vminit_loop_longest_stall_seconds", gauge,
               "The longest that anything waited for the loop in the last one to two minutes.", facts.longest_stall);
    add(out, facts.lanes);
    auto oldest = facts.oldest_jobs.empty() ? clock::duration() : clock::duration(facts.oldest_jobs.front().age);
    out.single("vminit_blocking_oldest_job_seconds", gauge, "Age of the oldest blocking job at work, from 1 s on.",
               oldest);
    out.single("vminit_log_lines_dropped_total", counter, "Log lines beyond the rate limit.", facts.log_dropped);
}

void add(prometheus_text& out, const reaper_facts& facts) {
    const auto& counters = facts.counters;
    out.single("vminit_children_launched_total", counter, "Processes started.", counters.launched);
    out.single("vminit_children_launch_failures_total", counter, "Starts of processes that failed.",
               counters.launch_failures);
    out.single("vminit_children_adopted_total", counter, "Processes taken over from the OCI runtime.",
               counters.adopted);
    out.single("vminit_children_reaped_total", counter, "Own processes collected.", counters.reaped);
    out.single("vminit_orphans_reaped_total", counter, "Processes of others collected.", counters.orphans_reaped);
    out.single("vminit_children", gauge, "Own processes not collected yet.", counters.known);
    out.single("vminit_children_zombies", gauge, "Ended processes not collected yet.", facts.zombies);
}

void add(prometheus_text& out, const system_facts& facts) {
    out.family("vminit_info", gauge, "Always 1.");
    out.sample(1u, {{"version", facts.version}});
    out.single("vminit_uptime_seconds", gauge, "Since the kernel's start, suspended time included.",
               clock::duration(facts.uptime));
    out.single("vminit_filesystems_frozen", gauge, "Filesystems frozen on a host's request.", facts.frozen);
    out.single("vminit_boot_steps_degraded", gauge, "Boot steps that did not do all they are for.",
               facts.degraded_steps.size());
}

void add(prometheus_text& out, const devices::device_counters& counters) {
    out.single("vminit_uevents_total", counter, "Uevents received.", counters.uevents);
    out.single("vminit_uevents_malformed_total", counter, "Uevents that made no sense.", counters.malformed);
    out.single("vminit_uevents_overruns_total", counter, "Times the kernel dropped uevents.", counters.overruns);
}

void add(prometheus_text& out, const event_facts& facts) {
    std::uint64_t exits = 0;
    out.family("vminit_events_published_total", counter, "Events published, by topic; own topics as one.");
    for (const auto& count : facts.topics) {
        out.sample(count.published, {{"topic", count.topic}});
        if (count.topic == exit_topic) exits = count.published;
    }
    out.single("vminit_exits_total", counter, "Exits of containers and execs.", exits);
    const auto& counters = facts.counters;
    out.single("vminit_events_lost_total", counter, "Events dropped before anybody had them.", counters.lost);
    out.single("vminit_event_subscribers_cut_off_total", counter, "Subscribers too far behind.", counters.cut_off);
    out.single("vminit_event_subscribers", gauge, "Subscribers.", counters.subscribers);
    out.single("vminit_events_held", gauge, "Events in the ring.", counters.held);
    out.single("vminit_events_undelivered", gauge, "Events in the ring that nobody has got or acknowledged.",
               counters.undelivered);
}

void add(prometheus_text& out, const ttrpc::server_counters& counters) {
    out.single("vminit_rpc_connections_total", counter, "Connections accepted.", counters.accepted);
    out.single("vminit_rpc_connections", gauge, "Open connections.", counters.connections);
    out.single("vminit_rpc_calls", gauge, "Calls whose handler has not returned.", counters.calls);
    out.single("vminit_rpc_peers_refused_total", counter, "Connections from peers that may not.",
               counters.refused_peers);
    out.single("vminit_rpc_accept_backoffs_total", counter, "Times accepting had to wait for resources.",
               counters.accept_backoffs);
    out.single("vminit_rpc_protocol_errors_total", counter, "Frames that broke the protocol.",
               counters.protocol_errors);
    out.single("vminit_rpc_refused_total", counter, "Requests beyond a bound or during shutdown.",
               counters.refused_calls);
    out.single("vminit_rpc_discarded_bytes_total", counter, "Bytes of frames that were too large.",
               counters.discarded_bytes);
}

void add(prometheus_text& out, const server_facts& facts) {
    add(out, facts.counters);
    const auto& methods = facts.methods;
    out.family("vminit_rpc_started_total", counter, "Calls begun.");
    for (const auto& one : methods) out.sample(one.started, {{"service", one.service}, {"method", one.method}});
    out.family("vminit_rpc_failed_total", counter, "Calls that ended with an error or a lost connection.");
    for (const auto& one : methods) out.sample(one.failed, {{"service", one.service}, {"method", one.method}});
    out.family("vminit_rpc_running", gauge, "Calls not ended.");
    for (const auto& one : methods) out.sample(one.running, {{"service", one.service}, {"method", one.method}});
    out.family("vminit_rpc_duration_seconds", histogram,
               "From request to last answer, of methods called at least once.");
    for (const auto& one : methods) {
        if (one.started > 0) out.sample(one.latency, {{"service", one.service}, {"method", one.method}});
    }
}

void add(prometheus_text& out, const streams::stream_counters& counters) {
    out.single("vminit_streams_accepted_total", counter, "Connections to the stdio port.", counters.accepted);
    out.single("vminit_streams_registered_total", counter, "Stdio streams that named themselves.", counters.registered);
    out.single("vminit_streams_refused_total", counter, "Stdio connections refused or broken before that.",
               counters.refused);
    out.single("vminit_streams_claimed_total", counter, "Stdio streams given to a process.", counters.claimed);
    out.single("vminit_streams_dropped_total", counter, "Stdio streams broken before that.", counters.dropped);
    out.single("vminit_streams_unclaimed", gauge, "Stdio streams that wait for their process.", counters.unclaimed);
    out.single("vminit_streams_handshakes", gauge, "Stdio connections that have not named themselves.",
               counters.handshakes);
}

void add(prometheus_text& out, const runtime_state_facts& facts) {
    out.single("vminit_runtimes", gauge, "Running invocations of the OCI runtime.", facts.running);
}

void add(prometheus_text& out, const process::process_counters& counters) {
    out.single("vminit_containers", gauge, "Containers.", counters.containers);
    out.single("vminit_execs", gauge, "Exec processes added and not deleted.", counters.execs);
    out.family("vminit_stdio_bytes_total", counter, "Bytes copied between processes and their streams.");
    out.sample(counters.input_bytes, {{"direction", "input"}});
    out.sample(counters.output_bytes, {{"direction", "output"}});
}

void add(prometheus_text& out, const std::vector<supervisor::supervised_status>& services) {
    using supervisor::supervised_state;
    out.family("vminit_supervised_running", gauge, "1 while the supervised service runs.");
    for (const auto& one : services) {
        out.sample(one.state == supervised_state::running ? 1u : 0u, {{"name", one.name}});
    }
    out.family("vminit_supervised_gave_up", gauge, "1 when it failed too often and was given up.");
    for (const auto& one : services) {
        out.sample(one.state == supervised_state::gave_up ? 1u : 0u, {{"name", one.name}});
    }
    out.family("vminit_supervised_starts_total", counter, "Its starts.");
    for (const auto& one : services) out.sample(one.starts, {{"name", one.name}});
    out.family("vminit_supervised_output_dropped_bytes_total", counter, "Output that did not get into its log.");
    for (const auto& one : services) out.sample(one.output_dropped, {{"name", one.name}});
}

template <class Facts>
void add(prometheus_text& out, const std::optional<Facts>& facts) {
    if (facts) add(out, *facts);
}

}  // namespace

std::string metrics_text(const guest_snapshot& snapshot) {
    prometheus_text out;
    add(out, snapshot.system);
    add(out, snapshot.core);
    add(out, snapshot.reaper);
    add(out, snapshot.devices);
    add(out, snapshot.events);
    add(out, snapshot.server);
    add(out, snapshot.streams);
    add(out, snapshot.runtime);
    add(out, snapshot.process);
    add(out, snapshot.services);
    return out.take();
}

}  // namespace vminit::api
