// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"

namespace vminit::vmm {

/// Returns when `path` exists; inotify(7) on its directory tells, nothing is polled. Errors: errno of inotify,
/// cancelled.
awaitable<result<void>> wait_for_file(std::string path);

}  // namespace vminit::vmm
