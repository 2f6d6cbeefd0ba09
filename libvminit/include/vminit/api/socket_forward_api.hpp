// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "vminit/core/asio.hpp"
#include "vminit/ttrpc/service_base.hpp"

namespace vminit::api {

/// `nerdbox.services.socketforward.v1.SocketForward`: sockets outside of any container, which specs mount into them.
///
/// A socket stays until the VM's end, or until it is bound anew. A connection is offered to a host's open Accept that has
/// not refused it yet, and waits while there is none; it is closed when all that are open have refused it.
std::shared_ptr<ttrpc::service_base> make_socket_forward_api(asio::io_context& context);

}  // namespace vminit::api
