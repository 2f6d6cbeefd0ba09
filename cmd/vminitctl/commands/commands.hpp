// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "command_set.hpp"

/// Each function adds one command; a new one is declared here and called in `add_commands`.
namespace vminit::vminitctl {

void add_ping(command_set& commands);
void add_info(command_set& commands);
void add_run(command_set& commands);
void add_logs(command_set& commands);
void add_attach(command_set& commands);
void add_cp(command_set& commands);
void add_port(command_set& commands);
void add_create(command_set& commands);
void add_start(command_set& commands);
void add_exec(command_set& commands);
void add_state(command_set& commands);
void add_list(command_set& commands);
void add_ps(command_set& commands);
void add_stats(command_set& commands);
void add_top(command_set& commands);
void add_kill(command_set& commands);
void add_stop(command_set& commands);
void add_vm(command_set& commands);
void add_completion(command_set& commands);
void add_wait(command_set& commands);
void add_delete(command_set& commands);
void add_update(command_set& commands);
void add_pause(command_set& commands);
void add_resume(command_set& commands);
void add_resize(command_set& commands);
void add_events(command_set& commands);
void add_boot(command_set& commands);
void add_health(command_set& commands);
void add_doctor(command_set& commands);
void add_metrics(command_set& commands);
void add_dmesg(command_set& commands);
void add_log_level(command_set& commands);
void add_reclaim(command_set& commands);
void add_network(command_set& commands);
void add_time(command_set& commands);
void add_devices(command_set& commands);
void add_supervisor(command_set& commands);
void add_freeze(command_set& commands);
void add_thaw(command_set& commands);
void add_cpu(command_set& commands);
void add_memory(command_set& commands);
void add_shutdown(command_set& commands);

/// All of them, in the order of the help.
void add_commands(command_set& commands);

}  // namespace vminit::vminitctl
