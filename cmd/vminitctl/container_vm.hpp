#pragma once

#include <string>

#include "command_set.hpp"

namespace vminit::vminitctl {

/// Where the shim has its VMs: what `state` says in its settings file `config`, else the shim's own default. Errors:
/// errno of reading a file that is there, invalid_argument.
result<std::string> vm_state_directory(const std::string& config);

/// Finds the VM of `--container` and puts its addresses into the options. Errors: not_found, failed_precondition, those
/// of reading.
result<void> find_container_vm(global_options& options, const std::string& state);

/// The shim's settings file: VMINIT_SHIM_CONFIG, else its usual place.
std::string shim_config_file();

}  // namespace vminit::vminitctl
