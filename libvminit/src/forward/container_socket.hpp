// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"
#include "vminit/forward/place.hpp"

/// Sockets in the network and below the root of a container, made in its absence: no process of ours is there. All of this
/// can sleep and is for a thread of blocking_service.
namespace vminit::forward {

/// A non-blocking stream socket whose connecting has begun, and has ended if the place is a path. Errors: errno, EAGAIN
/// for a path whose listener has more connections waiting than it wants.
result<unique_fd> begin_connect(const place& to, const surroundings& in);

/// A non-blocking socket that listens. A Unix socket of that name which nobody listens on is replaced. Errors: errno.
result<unique_fd> begin_listen(const place& at, const surroundings& in, int backlog);

/// Removes the name of a Unix socket.
result<void> remove_socket(const std::string& path, const std::string& root);

}  // namespace vminit::forward
