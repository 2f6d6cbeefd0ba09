// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "github.com/containerd/containerd/api/types/event.pb.h"
#include "vminit/events/envelope.hpp"

namespace vminit::api {

/// The exchange's envelope as containerd.types.Envelope, its event packed under the bare type name.
containerd::types::Envelope to_message(const events::envelope& envelope);

}  // namespace vminit::api
