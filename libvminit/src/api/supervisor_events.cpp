// SPDX-License-Identifier: Apache-2.0
#include "vminit/api/supervisor_events.hpp"

#include <chrono>

#include "message_fields.hpp"
#include "vminit/events/v1/events.pb.h"

namespace vminit::api {

namespace {

namespace wire = vminit::events::v1;

template <class Message>
events::payload foreign(const char* topic, const Message& message) {
    return events::foreign_event{topic, message.GetTypeName(), message.SerializeAsString()};
}

struct converter {
    events::payload operator()(const supervisor::supervised_started& event) const {
        wire::SupervisedStarted message;
        message.set_name(event.name);
        message.set_pid(static_cast<std::uint32_t>(event.pid));
        return foreign("/vminit/supervisor/started", message);
    }

    events::payload operator()(const supervisor::supervised_exited& event) const {
        wire::SupervisedExited message;
        message.set_name(event.name);
        message.set_pid(static_cast<std::uint32_t>(event.pid));
        message.set_exit_status(static_cast<std::uint32_t>(event.status.value));
        set_timestamp(*message.mutable_exited_at(), event.status.exited_at);
        return foreign("/vminit/supervisor/exited", message);
    }

    events::payload operator()(const supervisor::supervised_start_failed& event) const {
        wire::SupervisedStartFailed message;
        message.set_name(event.name);
        message.set_reason(event.reason);
        return foreign("/vminit/supervisor/start-failed", message);
    }

    events::payload operator()(const supervisor::supervised_restarting& event) const {
        wire::SupervisedRestarting message;
        message.set_name(event.name);
        auto delay = std::chrono::duration_cast<std::chrono::milliseconds>(event.delay);
        message.set_delay_ms(static_cast<std::uint64_t>(delay.count()));
        message.set_restarts_in_window(event.restarts_in_window);
        return foreign("/vminit/supervisor/restarting", message);
    }

    events::payload operator()(const supervisor::supervised_gave_up& event) const {
        wire::SupervisedGaveUp message;
        message.set_name(event.name);
        message.set_restarts_in_window(event.restarts_in_window);
        return foreign("/vminit/supervisor/gave-up", message);
    }
};

}  // namespace

events::payload to_event(const supervisor::supervised_event& event) { return std::visit(converter{}, event); }

}  // namespace vminit::api
