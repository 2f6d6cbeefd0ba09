// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "vminit/core/host_dialect.hpp"
#include "vminit/core/result.hpp"
#include "vminit/ttrpc/transport.hpp"

namespace vminit::streams {

/// What a host says first on a stream, and what it is answered.
struct greeting {
    std::string name;  ///< as `stream://<name>` has it: a number in decimal
    std::string echo;  ///< the bytes that tell the host it is registered
};

/// Reads one. Errors: errno of the connection, `end of file`; invalid_argument for a name that is empty or longer than
/// `stream_service::max_name`, which would make a peer's number of bytes ours.
awaitable<result<greeting>> read_greeting(ttrpc::stream_socket& socket, stream_handshake handshake);

/// What a host is told before its connection is closed because the name is taken; empty where hosts expect silence.
std::string refusal_of(std::string_view name, stream_handshake handshake);

}  // namespace vminit::streams
