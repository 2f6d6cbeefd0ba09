// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::shim {

/// The server's Unix socket before there is a server: made by `start`, inherited by the server as `server_descriptor`.
inline constexpr int server_descriptor = 3;

/// Whether somebody takes connections at that path.
bool is_served(const std::string& path);

/// The same, but a server that is dying does not count: the kernel takes connections for it until it has gone, and then
/// ends them. Blocks for `patience` if there is a server.
bool stays_served(const std::string& path, std::chrono::milliseconds patience);

/// A listening socket at `path`, mode 0600; what is there and not served any more is replaced. Errors: errno of bind.
result<unique_fd> bind_server(const std::string& path);

/// Held while a server is looked for and made, so that two starts of one pod make one. Released with the descriptor.
result<unique_fd> lock_directory(const std::string& path);

}  // namespace vminit::shim
