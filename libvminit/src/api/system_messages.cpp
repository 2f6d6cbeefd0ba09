// SPDX-License-Identifier: Apache-2.0
#include "system_messages.hpp"

#include "health.hpp"
#include "message_fields.hpp"
#include "vminit/events/v1/events.pb.h"

namespace vminit::api {

namespace {

namespace proto = containerd::vminitd::services::system::v1;
namespace wire = vminit::system::v1;

constexpr std::string_view resumed_topic = "/vminit/system/resumed";

proto::BootStep_Outcome to_outcome(system::step_outcome outcome) {
    switch (outcome) {
        case system::step_outcome::ok:
            return proto::BootStep_Outcome_OK;
        case system::step_outcome::degraded:
            return proto::BootStep_Outcome_DEGRADED;
        case system::step_outcome::failed:
            return proto::BootStep_Outcome_FAILED;
    }
    return proto::BootStep_Outcome_FAILED;
}

std::uint64_t to_count(system::uptime time) { return static_cast<std::uint64_t>(time.count()); }

std::uint64_t microseconds(clock::duration span) {
    return to_count(std::chrono::duration_cast<std::chrono::microseconds>(span));
}

void set_layers(const std::vector<layer_health>& layers, wire::HealthResponse& response) {
    for (const auto& one : layers) {
        auto state = one.trouble.empty() ? wire::HealthResponse_State_OK : wire::HealthResponse_State_DEGRADED;
        auto* layer = response.add_layers();
        layer->set_name(std::string(one.name));
        layer->set_state(state);
        layer->set_text(one.trouble);
        if (state == wire::HealthResponse_State_DEGRADED) response.set_state(state);
    }
}

}  // namespace

void set_step(proto::BootStep& target, const system::step_record& step) {
    target.set_name(step.name);
    target.set_started_us(to_count(step.started));
    target.set_ended_us(to_count(step.ended));
    target.set_outcome(to_outcome(step.outcome));
    target.set_text(step.text);
}

proto::BootTimelineResponse to_message(const system::boot_timeline& timeline) {
    proto::BootTimelineResponse response;
    for (const auto& record : timeline.steps()) set_step(*response.add_steps(), record);
    for (const auto& reached : timeline.milestones()) {
        auto* milestone = response.add_milestones();
        milestone->set_phase(reached.phase);
        milestone->set_at_us(to_count(reached.at));
    }
    return response;
}

wire::HealthResponse to_health(const guest_snapshot& snapshot) {
    wire::HealthResponse response;
    set_layers(assess(snapshot), response);
    response.set_loop_lag_us(microseconds(snapshot.core.loop_lag));
    response.set_longest_stall_us(microseconds(snapshot.core.longest_stall));
    if (auto oldest = oldest_call(snapshot)) {
        auto* call = response.mutable_oldest_call();
        call->set_service(std::string(oldest->service));
        call->set_method(std::string(oldest->method));
        call->set_age_us(microseconds(oldest->age));
    }
    if (snapshot.reaper) response.set_reaper_backlog(snapshot.reaper->zombies);
    if (snapshot.events) {
        response.set_events_undelivered(static_cast<std::uint32_t>(snapshot.events->counters.undelivered));
        response.set_events_capacity(events::exchange_service::max_held);
    }
    blocking_counters pool;
    for (const auto& lane : snapshot.core.lanes) {
        pool.running += lane.running;
        pool.queued += lane.queued;
        pool.threads += lane.threads;
    }
    response.set_blocking_running(static_cast<std::uint32_t>(pool.running));
    response.set_blocking_queued(static_cast<std::uint32_t>(pool.queued));
    response.set_blocking_threads(static_cast<std::uint32_t>(pool.threads));
    response.set_resident_bytes(snapshot.core.usage.resident_bytes);
    return response;
}

wire::DevicesResponse to_message(const std::vector<devices::block_device>& devices) {
    wire::DevicesResponse response;
    for (const auto& device : devices) {
        auto* entry = response.add_block_devices();
        entry->set_name(device.name);
        entry->set_serial(device.serial);
        entry->set_size_bytes(device.size);
        entry->set_read_only(device.is_read_only);
        entry->set_disk(device.disk);
        entry->set_partition(static_cast<std::uint32_t>(device.partition));
    }
    return response;
}

wire::ContainersResponse to_message(const std::vector<process::container_summary>& containers) {
    wire::ContainersResponse response;
    for (const auto& one : containers) {
        auto* entry = response.add_containers();
        entry->set_id(one.init.id);
        entry->set_status(std::string(one.is_created ? to_text(one.init.status) : "creating"));
        entry->set_pid(one.init.pid);
        set_timestamp(*entry->mutable_created_at(), one.created_at);
        entry->set_bundle(one.init.bundle);
        entry->set_execs(static_cast<std::uint32_t>(one.execs));
        entry->set_exit_status(one.init.exit_status);
        if (one.init.exited_at) set_timestamp(*entry->mutable_exited_at(), one.init.exited_at);
        entry->set_rootfs(one.rootfs);
    }
    return response;
}

result<system::resume_request> from_message(wire::ResumeRequest&& message) {
    system::resume_request request;
    if (message.has_now()) {
        auto time = get_timestamp(message.now());
        if (!time) return error(errc::invalid_argument, "a time that no clock can show");
        request.now = *time;
    }
    if (message.step_ns() != 0) request.step = std::chrono::nanoseconds(message.step_ns());
    request.entropy = std::move(*message.mutable_entropy());
    return request;
}

wire::ResumeResponse to_message(const system::resume_outcome& outcome) {
    wire::ResumeResponse response;
    set_timestamp(*response.mutable_before(), outcome.before);
    set_timestamp(*response.mutable_after(), outcome.after);
    response.set_entropy_bytes(static_cast<std::uint32_t>(outcome.entropy_bytes));
    return response;
}

events::payload to_event(const system::resume_outcome& outcome) {
    vminit::events::v1::Resumed message;
    set_timestamp(*message.mutable_before(), outcome.before);
    set_timestamp(*message.mutable_after(), outcome.after);
    message.set_entropy_bytes(static_cast<std::uint32_t>(outcome.entropy_bytes));
    return events::foreign_event{std::string(resumed_topic), message.GetTypeName(), message.SerializeAsString()};
}

}  // namespace vminit::api
