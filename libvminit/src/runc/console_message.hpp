// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::runc {

/// Receives the one message of a runtime on a readable, non-blocking connection: some bytes that do not matter and
/// exactly one descriptor, a terminal. Whatever else comes along is closed. Errors: EAGAIN when nothing is there;
/// kind unknown `console: ...` for anything else but a terminal.
result<unique_fd> receive_terminal(int connection);

}  // namespace vminit::runc
