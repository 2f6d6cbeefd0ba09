// SPDX-License-Identifier: Apache-2.0
#include "commands/commands.hpp"

namespace vminit::vminitctl {

void add_commands(command_set& commands) {
    commands.begin_group("The guest");
    add_ping(commands);
    add_info(commands);
    add_boot(commands);
    add_health(commands);
    add_doctor(commands);
    add_metrics(commands);
    add_events(commands);
    add_dmesg(commands);
    add_log_level(commands);
    add_supervisor(commands);
    add_shutdown(commands);
    commands.begin_group("Containers");
    add_run(commands);
    add_exec(commands);
    add_logs(commands);
    add_attach(commands);
    add_cp(commands);
    add_port(commands);
    add_create(commands);
    add_start(commands);
    add_state(commands);
    add_list(commands);
    add_ps(commands);
    add_stats(commands);
    add_top(commands);
    add_wait(commands);
    add_stop(commands);
    add_kill(commands);
    add_delete(commands);
    add_update(commands);
    add_pause(commands);
    add_resume(commands);
    add_resize(commands);
    commands.begin_group("The guest's hardware");
    add_network(commands);
    add_time(commands);
    add_devices(commands);
    add_freeze(commands);
    add_thaw(commands);
    add_cpu(commands);
    add_memory(commands);
    add_reclaim(commands);
    commands.begin_group("This machine");
    add_vm(commands);
    add_completion(commands);
}

}  // namespace vminit::vminitctl
