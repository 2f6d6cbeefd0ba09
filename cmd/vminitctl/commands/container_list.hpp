// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client_session.hpp"

namespace vminit::vminitctl {

/// Prints all containers of the guest: `list`, and `ps` without a container.
awaitable<result<int>> list_containers(client_session& guest);

}  // namespace vminit::vminitctl
