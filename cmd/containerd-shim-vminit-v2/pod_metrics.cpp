// SPDX-License-Identifier: Apache-2.0
#include "pod_metrics.hpp"

namespace vminit::shim {

namespace stats = io::containerd::cgroups::v2;

void add_metrics(stats::Metrics& total, const stats::Metrics& each) {
    auto& cpu = *total.mutable_cpu();
    cpu.set_usage_usec(cpu.usage_usec() + each.cpu().usage_usec());
    cpu.set_user_usec(cpu.user_usec() + each.cpu().user_usec());
    cpu.set_system_usec(cpu.system_usec() + each.cpu().system_usec());
    auto& memory = *total.mutable_memory();
    memory.set_usage(memory.usage() + each.memory().usage());
    memory.set_anon(memory.anon() + each.memory().anon());
    memory.set_file(memory.file() + each.memory().file());
    memory.set_inactive_file(memory.inactive_file() + each.memory().inactive_file());
    memory.set_pgfault(memory.pgfault() + each.memory().pgfault());
    memory.set_pgmajfault(memory.pgmajfault() + each.memory().pgmajfault());
    memory.set_swap_usage(memory.swap_usage() + each.memory().swap_usage());
    total.mutable_pids()->set_current(total.pids().current() + each.pids().current());
}

}  // namespace vminit::shim
