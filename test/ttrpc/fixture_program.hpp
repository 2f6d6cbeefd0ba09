// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/result.hpp"

namespace vminit::test {

/// Serves the fixture's service on a Unix socket, prints `ready`, and returns when stdin can be read or is at its end:
/// for programs that others talk to. Errors: those of listening.
result<void> serve_fixture(const std::string& path);

}  // namespace vminit::test
