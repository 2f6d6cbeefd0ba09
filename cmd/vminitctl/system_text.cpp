// SPDX-License-Identifier: Apache-2.0
#include "system_text.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "boot_lines.hpp"
#include "quantity.hpp"
#include "time_text.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;
namespace system_api = containerd::vminitd::services::system::v1;
namespace own = vminit::system::v1;
namespace supervisor_api = vminit::supervisor::v1;

namespace {

template <class Texts>
json::array list_of(const Texts& texts) {
    return json::array(texts.begin(), texts.end());
}

template <class Texts>
std::string joined(const Texts& texts) {
    std::string all;
    for (const auto& text : texts) all += (all.empty() ? "" : " ") + text;
    return all.empty() ? "-" : all;
}

json::value parsed(const std::string& text) {
    boost::system::error_code malformed;
    auto value = json::parse(text, malformed);
    return malformed ? json::value(nullptr) : value;
}

std::string step_text(const system_api::BootStep& step) {
    auto text = fmt::format("{} {}", step.name(), boot_outcome(step.outcome()));
    return step.text().empty() ? text : text + " (" + step.text() + ")";
}

field degraded_field(const system_api::InfoResponse& info) {
    json::array list;
    std::string text;
    for (const auto& step : info.degraded_steps()) {
        json::object entry{{"name", step.name()}, {"outcome", boot_outcome(step.outcome())}, {"text", step.text()}};
        list.push_back(std::move(entry));
        text += (text.empty() ? "" : ", ") + step_text(step);
    }
    return field("degraded_boot_steps", std::move(list), text.empty() ? "none" : text);
}

// JSON has the whole of it; people are told which versions of the specification it knows.
field features_field(const std::string& features) {
    auto value = features.empty() ? json::value(nullptr) : parsed(features);
    const auto* object = value.if_object();
    const auto* highest = object != nullptr ? object->if_contains("ociVersionMax") : nullptr;
    bool is_text = highest != nullptr && highest->is_string();
    std::string text = "not told by the runtime";
    if (object != nullptr) text = is_text ? "OCI up to " + std::string(highest->get_string()) : "told, see --json";
    return field("runtime_features", std::move(value), text);
}

std::string state_of(int state) { return state == own::HealthResponse::OK ? "ok" : "degraded"; }

json::value time_of(const google::protobuf::Timestamp& when) {
    return time_value(format_time(when.seconds(), when.nanos()));
}

field duration_field(std::string_view key, std::uint64_t microseconds) {
    return field(key, microseconds, fmt::format("{}.{:03} ms", microseconds / 1000, microseconds % 1000));
}

field oldest_call_field(const own::HealthResponse& health) {
    if (!health.has_oldest_call()) return field("oldest_call", nullptr, "none");
    const auto& call = health.oldest_call();
    json::object value{{"service", call.service()}, {"method", call.method()}, {"age_usec", call.age_us()}};
    return field("oldest_call", std::move(value),
                 fmt::format("{}/{} for {}", call.service(), call.method(), format_span(call.age_us())));
}

record service_row(const supervisor_api::ServiceStatus& status) {
    json::value exit = nullptr;
    json::value exited_at = nullptr;
    json::value due = nullptr;
    if (status.has_last_exit()) {
        exit = status.last_exit().status();
        exited_at = time_of(status.last_exit().exited_at());
    }
    std::string due_text;
    if (status.has_restart_due_in_ms()) {
        auto microseconds = status.restart_due_in_ms() * 1000;
        due = microseconds;
        due_text = format_span(microseconds);
    }
    auto pid = status.pid() != 0 ? json::value(status.pid()) : json::value(nullptr);
    return {{"name", status.name()},
            {"state", service_state(status.state())},
            {"pid", std::move(pid)},
            {"starts", status.starts()},
            {"restarts_in_window", status.restarts_in_window()},
            field("restart_due_in_usec", std::move(due), due_text.empty() ? "-" : due_text),
            {"last_exit_status", std::move(exit)},
            {"last_exit_at", std::move(exited_at)},
            {"last_failure", status.last_failure()},
            {"binary", status.binary()},
            {"output_dropped_bytes", status.output_dropped(), format_bytes(status.output_dropped())}};
}

}  // namespace

std::string format_span(std::uint64_t microseconds) {
    auto seconds = microseconds / 1000000;
    if (seconds < 60) return fmt::format("{}.{:03}s", seconds, microseconds / 1000 % 1000);
    auto minutes = seconds / 60;
    if (minutes < 60) return fmt::format("{}m {}s", minutes, seconds % 60);
    auto hours = minutes / 60;
    if (hours < 24) return fmt::format("{}h {}m", hours, minutes % 60);
    return fmt::format("{}d {}h {}m", hours / 24, hours % 24, minutes % 60);
}

record info_facts(const system_api::InfoResponse& info) {
    return {{"version", info.version()},
            {"kernel_version", info.kernel_version()},
            {"uptime_usec", info.uptime_us(), format_span(info.uptime_us())},
            degraded_field(info),
            {"runtime_version", info.runtime_version()},
            features_field(info.runtime_features()),
            {"capabilities", list_of(info.capabilities()), joined(info.capabilities())}};
}

std::vector<record> layer_rows(const own::HealthResponse& health) {
    std::vector<record> rows;
    for (const auto& layer : health.layers()) {
        rows.push_back({{"layer", layer.name()}, {"state", state_of(layer.state())}, {"trouble", layer.text()}});
    }
    return rows;
}

record health_facts(const own::HealthResponse& health) {
    json::array layers;
    for (const auto& row : layer_rows(health)) layers.push_back(to_json(row));
    return {{"state", state_of(health.state())},
            duration_field("loop_lag_usec", health.loop_lag_us()),
            duration_field("longest_stall_usec", health.longest_stall_us()),
            oldest_call_field(health),
            {"reaper_backlog", health.reaper_backlog()},
            {"events_undelivered", health.events_undelivered(),
             fmt::format("{} of {}", health.events_undelivered(), health.events_capacity())},
            {"blocking_running", health.blocking_running()},
            {"blocking_queued", health.blocking_queued()},
            {"blocking_threads", health.blocking_threads()},
            {"resident_bytes", health.resident_bytes(), format_bytes(health.resident_bytes())},
            {"events_capacity", health.events_capacity()},
            {"layers", std::move(layers)}};
}

std::vector<record> device_rows(const own::DevicesResponse& devices) {
    std::vector<record> rows;
    for (const auto& device : devices.block_devices()) {
        auto partition = device.partition() != 0 ? json::value(device.partition()) : json::value(nullptr);
        rows.push_back({{"name", device.name()},
                        {"type", device.partition() != 0 ? "partition" : "disk"},
                        {"size_bytes", device.size_bytes(), format_bytes(device.size_bytes())},
                        {"access", device.read_only() ? "ro" : "rw"},
                        {"serial", device.serial()},
                        {"disk", device.disk()},
                        {"partition", std::move(partition)}});
    }
    return rows;
}

std::string service_state(int state) {
    switch (state) {
        case supervisor_api::ServiceStatus::WAITING:
            return "waiting";
        case supervisor_api::ServiceStatus::ABSENT:
            return "absent";
        case supervisor_api::ServiceStatus::RUNNING:
            return "running";
        case supervisor_api::ServiceStatus::BACKING_OFF:
            return "backing off";
        case supervisor_api::ServiceStatus::GAVE_UP:
            return "gave up";
        case supervisor_api::ServiceStatus::STOPPED:
            return "stopped";
        default:
            return "unknown";
    }
}

std::vector<record> service_rows(const supervisor_api::StatusResponse& status) {
    std::vector<record> rows;
    for (const auto& one : status.services()) rows.push_back(service_row(one));
    return rows;
}

record resume_facts(const own::ResumeResponse& outcome) {
    return {{"clock_before", time_of(outcome.before())},
            {"clock_after", time_of(outcome.after())},
            {"entropy_bytes", outcome.entropy_bytes(), fmt::format("{} bytes", outcome.entropy_bytes())}};
}

}  // namespace vminit::vminitctl
