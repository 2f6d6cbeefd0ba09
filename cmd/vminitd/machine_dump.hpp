// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vminit/core/log.hpp"

namespace vminit::vminitd {

/// At level debug: one line for each mount, and one for each process with its command line. For a look at a guest that
/// has no shell. Reads procfs, which does not sleep.
void dump_machine(logger& log);

}  // namespace vminit::vminitd
