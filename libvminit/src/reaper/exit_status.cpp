// SPDX-License-Identifier: Apache-2.0
#include "vminit/reaper/exit_status.hpp"

#include <sys/wait.h>

namespace vminit::reaper {

exit_status from_wait_status(int wait_status, wall_time now) noexcept {
    if (WIFSIGNALED(wait_status)) return {128 + WTERMSIG(wait_status), now};
    return {WEXITSTATUS(wait_status), now};
}

}  // namespace vminit::reaper
