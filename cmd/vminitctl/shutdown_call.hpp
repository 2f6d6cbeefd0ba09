// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client_session.hpp"

namespace vminit::vminitctl {

/// Asks a guest, over its RPC connection, to clean up and power off. That it goes before it has answered is success; so
/// is the answer of one that stays on because of its containers.
awaitable<result<void>> ask_to_power_off(client_session& guest);

}  // namespace vminit::vminitctl
