// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fake_guest.hpp"

namespace vminit::test {

/// Registers the services of `guest`, which outlives the server's calls.
void add_fake_services(ttrpc::server_service& server, fake_guest& guest);
void add_fake_machine(ttrpc::server_service& server, fake_guest& guest);

}  // namespace vminit::test
