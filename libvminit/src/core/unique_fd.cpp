// SPDX-License-Identifier: Apache-2.0
#include "vminit/core/unique_fd.hpp"

#include <unistd.h>

namespace vminit {

void unique_fd::reset(int fd) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

}  // namespace vminit
