// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/error.hpp"

namespace vminit::vminitctl {

/// The exit status for a process that did not come to be, as of docker and podman: 127 if its program is not there, 126
/// if it cannot be executed, else 125. The runtimes (crun, runc, youki) tell it by their texts only.
int status_of_start_failure(const error& failure);

}  // namespace vminit::vminitctl
