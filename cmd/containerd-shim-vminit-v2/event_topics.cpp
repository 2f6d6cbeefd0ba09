// SPDX-License-Identifier: Apache-2.0
#include "event_topics.hpp"

#include "github.com/containerd/containerd/api/events/task.pb.h"

namespace vminit::shim {

std::string container_of(const google::protobuf::Any& event) {
    if (!event.type_url().starts_with("containerd.events.Task")) return {};
    // TaskOOM is nothing but that field; what else an event has is kept as unknown.
    containerd::events::TaskOOM message;
    return message.ParseFromString(event.value()) ? message.container_id() : std::string();
}

}  // namespace vminit::shim
