// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "github.com/containerd/containerd/api/types/event.pb.h"
#include "record.hpp"

/// Events of the guest, for people and for programs.
namespace vminit::vminitctl {

/// The facts of the event itself, by its message type. For a type we do not know: `type_url` and `size`.
record event_facts(const google::protobuf::Any& event);

/// `{"sequence", "timestamp", "namespace", "topic", "event": {...}}`; a peer that numbers nothing gives no sequence.
record envelope_facts(const containerd::types::Envelope& envelope);

/// `<time> <topic> key=value ...`. Empty facts are left out.
std::string event_line(const containerd::types::Envelope& envelope);

}  // namespace vminit::vminitctl
