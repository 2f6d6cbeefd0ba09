// SPDX-License-Identifier: Apache-2.0
#include "health.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vminit::api {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<std::string_view, 6> waiting_methods = {"Wait",      "Stream",     "Logs",
                                                             "ReadFiles", "WriteFiles", "Health"};
constexpr std::string_view waiting_service = "vminit.forward.v1.Forward";
constexpr std::string_view long_method = "Checkpoint";

bool waits_by_design(std::string_view service, std::string_view method) {
    return service == waiting_service ||
           std::find(waiting_methods.begin(), waiting_methods.end(), method) != waiting_methods.end();
}

bool is_nearly_full(std::size_t used, std::size_t bound) { return used >= bound - bound / 4; }

/// The troubles of one layer, joined.
class findings {
public:
    void add(std::string what) {
        if (!text_.empty()) text_ += "; ";
        text_ += what;
    }
    void add_if_full(std::string_view what, std::size_t used, std::size_t bound) {
        if (is_nearly_full(used, bound)) add(fmt::format("{} {} of at most {}", used, what, bound));
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

std::string trouble_of(const core_facts& facts, const health_limits& limits) {
    findings found;
    auto stall = std::max(facts.loop_lag, facts.longest_stall);
    if (stall >= limits.stall) {
        found.add(fmt::format("the loop was held up for {} ms", duration_cast<milliseconds>(stall).count()));
    }
    for (std::size_t i = 0; i < facts.lanes.size(); ++i) {
        auto lane = name_of(static_cast<blocking_lane>(i));
        found.add_if_full(fmt::format("{} jobs waiting", lane), facts.lanes[i].queued, blocking_service::max_queued);
        found.add_if_full(fmt::format("{} jobs given up", lane), facts.lanes[i].abandoned,
                          blocking_service::max_abandoned);
    }
    for (const auto& job : facts.oldest_jobs) {
        if (job.age < limits.job) continue;
        found.add(fmt::format("{} job \"{}\" runs for {} s", name_of(job.lane), job.what,
                              duration_cast<seconds>(job.age).count()));
    }
    return found.take();
}

std::string trouble_of(const reaper_facts& facts, const health_limits& limits) {
    findings found;
    if (facts.zombies >= limits.zombies) found.add(fmt::format("{} ended children not collected", facts.zombies));
    if (facts.counters.kept > 0) {
        found.add(fmt::format("more orphans than can be kept, {} exits kept by pid", facts.counters.kept));
    }
    return found.take();
}

std::string trouble_of(const system_facts& facts, const health_limits&) {
    findings found;
    for (const auto& step : facts.degraded_steps) found.add("boot step " + step);
    return found.take();
}

std::string trouble_of(const devices::device_counters&, const health_limits&) { return {}; }

std::string trouble_of(const event_facts& facts, const health_limits&) {
    findings found;
    found.add_if_full("events undelivered", facts.counters.undelivered, events::exchange_service::max_held);
    return found.take();
}

bool is_too_old(const running_call& call, const health_limits& limits) {
    return call.age >= (call.method == long_method ? limits.long_call : limits.call);
}

std::string trouble_of(const server_facts& facts, clock::time_point now, const health_limits& limits) {
    findings found;
    found.add_if_full("connections", facts.counters.connections, facts.limits.connections);
    found.add_if_full("calls", facts.counters.calls, facts.limits.calls);
    for (const auto& method : facts.methods) {
        if (!method.oldest || waits_by_design(method.service, method.method)) continue;
        running_call call{method.service, method.method, now - *method.oldest};
        if (!is_too_old(call, limits)) continue;
        found.add(
            fmt::format("{}/{} runs for {} s", call.service, call.method, duration_cast<seconds>(call.age).count()));
    }
    return found.take();
}

std::string trouble_of(const streams::stream_counters& counters, const health_limits&) {
    findings found;
    found.add_if_full("streams unclaimed", counters.unclaimed, streams::stream_service::max_unclaimed);
    found.add_if_full("stream handshakes", counters.handshakes, streams::stream_service::max_handshakes);
    return found.take();
}

std::string trouble_of(const runtime_state_facts& facts, const health_limits&) { return facts.problem; }

std::string trouble_of(const process::process_counters& counters, const health_limits&) {
    findings found;
    found.add_if_full("containers", counters.containers, process::process_service::max_containers);
    return found.take();
}

std::string trouble_of(const std::vector<supervisor::supervised_status>& services, const health_limits&) {
    findings found;
    for (const auto& one : services) {
        if (one.state == supervisor::supervised_state::gave_up) {
            found.add(one.name + " failed too often and was given up");
        } else if (!one.last_failure.empty()) {
            found.add(one.name + " cannot be started: " + one.last_failure);
        }
    }
    return found.take();
}

template <class Facts>
void add(std::vector<layer_health>& layers, std::string_view name, const std::optional<Facts>& facts,
         const health_limits& limits) {
    if (facts) layers.push_back(layer_health{name, trouble_of(*facts, limits)});
}

}  // namespace

std::vector<layer_health> assess(const guest_snapshot& snapshot, const health_limits& limits) {
    std::vector<layer_health> layers;
    layers.push_back(layer_health{"core", trouble_of(snapshot.core, limits)});
    add(layers, "reaper", snapshot.reaper, limits);
    add(layers, "system", snapshot.system, limits);
    add(layers, "devices", snapshot.devices, limits);
    add(layers, "events", snapshot.events, limits);
    if (snapshot.server) {
        layers.push_back(layer_health{"ttrpc", trouble_of(*snapshot.server, snapshot.now, limits)});
    }
    add(layers, "streams", snapshot.streams, limits);
    add(layers, "runc", snapshot.runtime, limits);
    add(layers, "process", snapshot.process, limits);
    add(layers, "supervisor", snapshot.services, limits);
    return layers;
}

std::optional<running_call> oldest_call(const guest_snapshot& snapshot) {
    std::optional<running_call> oldest;
    if (!snapshot.server) return oldest;
    for (const auto& method : snapshot.server->methods) {
        if (!method.oldest || waits_by_design(method.service, method.method)) continue;
        auto age = snapshot.now - *method.oldest;
        if (!oldest || age > oldest->age) oldest = running_call{method.service, method.method, age};
    }
    return oldest;
}

}  // namespace vminit::api
