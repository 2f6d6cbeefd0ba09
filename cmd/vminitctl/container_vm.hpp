// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "command_set.hpp"
#include "vm/vm_settings.hpp"

namespace vminit::vminitctl {

/// Finds the VM of `--container` and puts its addresses into the options. Errors: not_found, failed_precondition, those
/// of reading.
result<void> find_container_vm(global_options& options, const std::string& state);

/// The same for the VM of `--vm`.
result<void> find_named_vm(global_options& options, const vm_settings& settings);

}  // namespace vminit::vminitctl
