// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "vminit/core/clock.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/transport.hpp"

/// The client's side of the stdio stream port: a connection that names itself with a number.
namespace vminit::vminitctl {

/// Connects and claims `id`: four bytes, big-endian, which the guest echoes. After that it is a plain byte pipe.
///
/// Errors: those of connect; deadline_exceeded; already_exists if the guest hangs up instead (the id is in use);
/// internal for a wrong echo.
awaitable<result<ttrpc::stream_socket>> open_stdio_stream(ttrpc::address where, std::uint32_t id,
                                                          clock::duration limit);

/// What Task.Create and Task.Exec call it: `stream://<id>`.
std::string stream_uri(std::uint32_t id);

/// Bytes written to `stream` that its other end has not taken yet; 0 where the kernel cannot tell.
std::size_t unsent_bytes(ttrpc::stream_socket& stream);

}  // namespace vminit::vminitctl
