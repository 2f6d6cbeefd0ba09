// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::shim {

/// A stdio stream of the guest: a connection that has named itself with `id` (four bytes, big-endian, echoed).
/// Errors: those of connect; deadline_exceeded; unavailable when the guest hangs up instead.
awaitable<result<ttrpc::stream_socket>> open_guest_stream(ttrpc::address where, std::uint32_t id,
                                                          clock::duration limit);

/// What Task.Create and Task.Exec call it.
std::string guest_stream_uri(std::uint32_t id);

}  // namespace vminit::shim
