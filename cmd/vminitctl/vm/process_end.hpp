// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include "vminit/core/asio.hpp"
#include "vminit/core/result.hpp"
#include "vminit/core/unique_fd.hpp"

namespace vminit::vminitctl {

/// pidfd_open(2); nothing for a process that is gone.
unique_fd open_process(pid_t pid);

/// Returns when that process has ended; at once for none. Throws on cancellation.
awaitable<void> process_end(asio::io_context& context, unique_fd process);

/// pidfd_send_signal(2); that the process is gone is no error.
void signal_process(const unique_fd& process, int signal);

/// Whether a read would not wait, the end of a process or of a stream included.
bool is_readable(int descriptor);

}  // namespace vminit::vminitctl
