// SPDX-License-Identifier: Apache-2.0
#include "event_watch.hpp"

#include <algorithm>

#include "github.com/containerd/containerd/api/events/task.pb.h"

namespace vminit::test {

namespace {

namespace wire = spinbox::services::vmevents::v1;
namespace events = containerd::events;

template <class Message>
Message parse(const containerd::types::Envelope& envelope) {
    Message message;
    REQUIRE(message.ParseFromString(envelope.event().value()));
    return message;
}

template <class Message>
void fill(task_event& event, const Message& message) {
    event.container = message.container_id();
    if constexpr (requires { message.exec_id(); }) {
        event.process = message.exec_id();
    } else if constexpr (requires { message.id(); }) {
        event.process = message.id();
    } else {
        event.process = message.container_id();
    }
    if constexpr (requires { message.pid(); }) event.pid = message.pid();
    if constexpr (requires { message.exit_status(); }) event.status = message.exit_status();
}

}  // namespace

task_event decode(const containerd::types::Envelope& envelope) {
    task_event event;
    event.topic = envelope.topic();
    event.sequence = envelope.sequence();
    if (event.topic == "/tasks/create") fill(event, parse<events::TaskCreate>(envelope));
    if (event.topic == "/tasks/start") fill(event, parse<events::TaskStart>(envelope));
    if (event.topic == "/tasks/exit") fill(event, parse<events::TaskExit>(envelope));
    if (event.topic == "/tasks/oom") fill(event, parse<events::TaskOOM>(envelope));
    if (event.topic == "/tasks/exec-added") fill(event, parse<events::TaskExecAdded>(envelope));
    if (event.topic == "/tasks/exec-started") fill(event, parse<events::TaskExecStarted>(envelope));
    return event;
}

event_watch::event_watch(guest& vm) : vm_(vm), rpc_(vm.connect()), tasks_(vm.ex(), vm.log()) {
    tasks_.spawn("events", read_all());
}

event_watch::~event_watch() {
    rpc_.close();
    vm_.run(tasks_.join());
    vm_.run(rpc_.join());
}

awaitable<void> event_watch::read_all() {
    vminitctl::events_client client(rpc_);
    auto stream = client.Stream();
    if (stream) {
        auto asked = co_await stream->write(wire::StreamRequest());
        for (bool goes_on = asked.has_value(); goes_on;) {
            auto event = co_await stream->read();
            goes_on = event && *event;
            if (goes_on) events_.push_back(decode(**event));
        }
    }
    is_open_ = false;
}

task_event event_watch::wait_for(const std::string& topic, const std::string& container, const std::string& process) {
    auto is_it = [&](const task_event& event) {
        return event.topic == topic && event.container == container && event.process == process;
    };
    auto found = events_.end();
    vm_.pump([&] {
        found = std::find_if(events_.begin(), events_.end(), is_it);
        return found != events_.end() || !is_open_;
    });
    CAPTURE(topic, container, process);
    REQUIRE(found != events_.end());
    return *found;
}

std::vector<task_event> event_watch::of(const std::string& container) const {
    std::vector<task_event> own;
    for (const auto& event : events_) {
        if (event.container == container) own.push_back(event);
    }
    return own;
}

std::vector<std::string> event_watch::topics_of(const std::string& container) const {
    std::vector<std::string> topics;
    for (const auto& event : of(container)) topics.push_back(event.topic);
    return topics;
}

}  // namespace vminit::test
