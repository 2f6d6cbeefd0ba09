// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/un.h>

#include <string>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit {

/// The address of a Unix socket in the filesystem. invalid_argument: the path is too long for one (107 bytes).
result<sockaddr_un> local_address(const std::string& path);

/// A Unix stream socket, closed on exec. `flags`: 0 or SOCK_NONBLOCK. Errors: errno of socket(2).
result<unique_fd> open_local_socket(int flags = 0);

/// The same, bound to `path` and listening: who connects from now on need not wait for the one who will accept. Whatever
/// is at the path is in the way (EADDRINUSE), and who is done with it removes it. Errors: of the two above, and errno of
/// bind(2) and listen(2).
result<unique_fd> listen_at(const std::string& path, int backlog, int flags = 0);

}  // namespace vminit
