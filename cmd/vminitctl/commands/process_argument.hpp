// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command_set.hpp"
#include "task_calls.hpp"

namespace vminit::vminitctl {

/// The `ID` argument and `--exec EXEC-ID`, for commands about one process. `key` outlives the set.
void declare_process(CLI::App& command, process_key& key);

/// The `ID` argument alone, for commands about a container.
void declare_container(CLI::App& command, std::string& id);

}  // namespace vminit::vminitctl
