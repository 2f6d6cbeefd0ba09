// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::system {

/// Where the kernel tells of its consoles.
struct console_paths {
    std::string active = "/sys/class/tty/console/active";  ///< sysfs notifies who polls it of each that comes or goes
    std::string device = "/dev/console";
};

/// The console of a kernel that had none when PID 1 began: its driver is a module, or sets its device up in its own
/// time (virtio's does). Completes with it, open for reading and writing, as soon as it opens; tries whenever the
/// kernel has another console, and waits for that without end. Needs the `files` lane. Cancellable. Errors: errno of a
/// kernel that does not tell of its consoles.
awaitable<result<unique_fd>> await_console(asio::io_context& context, console_paths paths = {});

}  // namespace vminit::system
