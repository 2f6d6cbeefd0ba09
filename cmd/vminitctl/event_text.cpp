// SPDX-License-Identifier: Apache-2.0
#include "event_text.hpp"

#include <boost/json.hpp>
#include <cstdint>

#include "github.com/containerd/containerd/api/events/task.pb.h"
#include "time_text.hpp"
#include "vminit/events/v1/events.pb.h"

namespace vminit::vminitctl {

namespace json = boost::json;
namespace events = containerd::events;
namespace own_events = vminit::events::v1;

namespace {

json::value time_of(const google::protobuf::Timestamp& when) {
    return time_value(format_time(when.seconds(), when.nanos()));
}

record facts_of(const events::TaskCreate& event) {
    json::array rootfs;
    for (const auto& mount : event.rootfs()) {
        json::array options(mount.options().begin(), mount.options().end());
        rootfs.push_back(
            {{"type", mount.type()}, {"source", mount.source()}, {"target", mount.target()}, {"options", options}});
    }
    return {{"container_id", event.container_id()},
            {"pid", event.pid()},
            {"bundle", event.bundle()},
            {"stdin", event.io().stdin()},
            {"stdout", event.io().stdout()},
            {"stderr", event.io().stderr()},
            {"terminal", event.io().terminal()},
            {"checkpoint", event.checkpoint()},
            {"rootfs", std::move(rootfs)}};
}

record facts_of(const events::TaskStart& event) {
    return {{"container_id", event.container_id()}, {"pid", event.pid()}};
}

record facts_of(const events::TaskExit& event) {
    return {{"container_id", event.container_id()},
            {"id", event.id()},
            {"pid", event.pid()},
            {"exit_status", event.exit_status()},
            {"exited_at", time_of(event.exited_at())}};
}

record facts_of(const events::TaskDelete& event) {
    return {{"container_id", event.container_id()},
            {"id", event.id()},
            {"pid", event.pid()},
            {"exit_status", event.exit_status()},
            {"exited_at", time_of(event.exited_at())}};
}

record facts_of(const events::TaskExecAdded& event) {
    return {{"container_id", event.container_id()}, {"exec_id", event.exec_id()}};
}

record facts_of(const events::TaskExecStarted& event) {
    return {{"container_id", event.container_id()}, {"exec_id", event.exec_id()}, {"pid", event.pid()}};
}

record facts_of(const events::TaskCheckpointed& event) {
    return {{"container_id", event.container_id()}, {"checkpoint", event.checkpoint()}};
}

record facts_of(const own_events::EventsLost& event) { return {{"first", event.first()}, {"last", event.last()}}; }

record facts_of(const own_events::Resumed& event) {
    return {{"before", time_of(event.before())},
            {"after", time_of(event.after())},
            {"entropy_bytes", event.entropy_bytes()}};
}

record facts_of(const own_events::SupervisedStarted& event) { return {{"name", event.name()}, {"pid", event.pid()}}; }

record facts_of(const own_events::SupervisedExited& event) {
    return {{"name", event.name()},
            {"pid", event.pid()},
            {"exit_status", event.exit_status()},
            {"exited_at", time_of(event.exited_at())}};
}

record facts_of(const own_events::SupervisedStartFailed& event) {
    return {{"name", event.name()}, {"reason", event.reason()}};
}

record facts_of(const own_events::SupervisedRestarting& event) {
    return {{"name", event.name()}, {"delay_ms", event.delay_ms()}, {"restarts_in_window", event.restarts_in_window()}};
}

record facts_of(const own_events::SupervisedGaveUp& event) {
    return {{"name", event.name()}, {"restarts_in_window", event.restarts_in_window()}};
}

// TaskOOM, TaskPaused and TaskResumed name the container and nothing else.
template <class Event>
record facts_of(const Event& event) {
    return {{"container_id", event.container_id()}};
}

template <class Event>
bool decode(const std::string& bytes, record& facts) {
    Event event;
    if (!event.ParseFromString(bytes)) return false;
    facts = facts_of(event);
    return true;
}

struct known_event {
    std::string_view type;
    bool (*decode)(const std::string& bytes, record& facts);
};

constexpr known_event known_events[] = {
    {"containerd.events.TaskCreate", decode<events::TaskCreate>},
    {"containerd.events.TaskStart", decode<events::TaskStart>},
    {"containerd.events.TaskExit", decode<events::TaskExit>},
    {"containerd.events.TaskOOM", decode<events::TaskOOM>},
    {"containerd.events.TaskDelete", decode<events::TaskDelete>},
    {"containerd.events.TaskExecAdded", decode<events::TaskExecAdded>},
    {"containerd.events.TaskExecStarted", decode<events::TaskExecStarted>},
    {"containerd.events.TaskPaused", decode<events::TaskPaused>},
    {"containerd.events.TaskResumed", decode<events::TaskResumed>},
    {"containerd.events.TaskCheckpointed", decode<events::TaskCheckpointed>},
    {"vminit.events.v1.EventsLost", decode<own_events::EventsLost>},
    {"vminit.events.v1.Resumed", decode<own_events::Resumed>},
    {"vminit.events.v1.SupervisedStarted", decode<own_events::SupervisedStarted>},
    {"vminit.events.v1.SupervisedExited", decode<own_events::SupervisedExited>},
    {"vminit.events.v1.SupervisedStartFailed", decode<own_events::SupervisedStartFailed>},
    {"vminit.events.v1.SupervisedRestarting", decode<own_events::SupervisedRestarting>},
    {"vminit.events.v1.SupervisedGaveUp", decode<own_events::SupervisedGaveUp>},
};

bool is_empty(const json::value& value) {
    if (value.is_string()) return value.get_string().empty();
    if (value.is_array()) return value.get_array().empty();
    return value.is_null();
}

}  // namespace

record event_facts(const google::protobuf::Any& event) {
    const std::string& url = event.type_url();
    auto type = std::string_view(url).substr(url.rfind('/') + 1);
    record facts;
    for (const auto& known : known_events) {
        if (known.type == type && known.decode(event.value(), facts)) return facts;
    }
    return {{"type_url", url}, {"size", event.value().size()}};
}

record envelope_facts(const containerd::types::Envelope& envelope) {
    record facts;
    if (envelope.sequence() != 0) facts.emplace_back("sequence", envelope.sequence());
    facts.emplace_back("timestamp", time_of(envelope.timestamp()));
    facts.emplace_back("namespace", envelope.namespace_());
    facts.emplace_back("topic", envelope.topic());
    facts.emplace_back("event", to_json(event_facts(envelope.event())));
    return facts;
}

std::string event_line(const containerd::types::Envelope& envelope) {
    auto line = format_time(envelope.timestamp().seconds(), envelope.timestamp().nanos()) + " " + envelope.topic();
    for (const auto& fact : event_facts(envelope.event())) {
        if (!is_empty(fact.value)) line += " " + fact.key + "=" + shown(fact);
    }
    return line;
}

}  // namespace vminit::vminitctl
