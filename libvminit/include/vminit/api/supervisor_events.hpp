// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/events/envelope.hpp"
#include "vminit/supervisor/supervised_event.hpp"

namespace vminit::api {

/// What happens to a supervised service, as an event below `/vminit/supervisor/` for the exchange
/// (`vminit.events.v1.Supervised...`).
events::payload to_event(const supervisor::supervised_event& event);

}  // namespace vminit::api
