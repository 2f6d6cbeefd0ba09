// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::vminitctl {

/// Asks whether a ttrpc server is at the other end, as hosts do: ten zero bytes are a frame on stream 0, which every
/// server refuses by a Response on stream 0. No service is needed for it. Returns the time it took; may be repeated.
///
/// Errors: deadline_exceeded after `limit`; unavailable when the connection ends; internal for another answer.
awaitable<result<clock::duration>> probe(ttrpc::stream_socket& socket, clock::duration limit);

}  // namespace vminit::vminitctl
