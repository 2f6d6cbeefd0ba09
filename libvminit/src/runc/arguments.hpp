// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "vminit/runc/runc_service.hpp"

/// The runtime's command lines, argv[0] included.
namespace vminit::runc {

using arguments = std::vector<std::string>;

/// The binary, as it is configured for this container.
const std::string& binary_of(const runc_config& config, const runtime_ref& container);

/// `--root` for this container.
const std::string& root_of(const runc_config& config, const runtime_ref& container);

/// argv[0] and the global flags, but for those of the log, which each invocation has of its own.
arguments global_arguments(const runc_config& config, const runtime_ref& container);

arguments create_arguments(const runc_config& config, const create_options& options);
arguments exec_arguments(const runc_config& config, const exec_options& options, const std::string& process_file);
arguments kill_arguments(const runc_config& config, const runtime_ref& container, int signal, kill_scope scope);
arguments delete_arguments(const runc_config& config, const runtime_ref& container, remove_mode mode);
arguments ps_arguments(const runc_config& config, const runtime_ref& container);
arguments update_arguments(const runc_config& config, const runtime_ref& container);
arguments checkpoint_arguments(const runc_config& config, const checkpoint_options& options);

/// `<verb> <id>`: start, state, pause, resume.
arguments simple_arguments(const runc_config& config, const runtime_ref& container, std::string verb);

}  // namespace vminit::runc
