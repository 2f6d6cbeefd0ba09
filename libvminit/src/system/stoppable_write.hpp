// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>
#include <string_view>

#include "vminit/core/result.hpp"

namespace vminit::system {

/// A write(2) to the kernel that another thread can end where the kernel heeds signals: offlining memory tries for ever
/// to move pages that do not move, and only a signal stops it.
class stoppable_write {
public:
    /// Blocks. Writes `value` to `path` with one signal unblocked, SIGURG: its handler does nothing. Errors: those of
    /// `write_file`; ECANCELED `write <path>` once `stop` was called.
    result<void> perform(const std::string& path, std::string_view value);

    /// From any thread. Nothing is written from now on; a write under way is sent the signal. Call it again until the
    /// write has ended: a signal that comes before the system call is lost.
    void stop() noexcept;

private:
    std::atomic<bool> is_stopped_ = false;
    std::atomic<pid_t> thread_ = 0;  // while it writes
};

}  // namespace vminit::system
