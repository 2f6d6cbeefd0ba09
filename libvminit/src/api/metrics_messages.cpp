// SPDX-License-Identifier: Apache-2.0
#include "metrics_messages.hpp"

namespace vminit::api {

namespace {

namespace v2 = ::io::containerd::cgroups::v2;

void fill(v2::PSIData& message, const process::psi_data& from) {
    message.set_avg10(from.avg10);
    message.set_avg60(from.avg60);
    message.set_avg300(from.avg300);
    message.set_total(from.total);
}

void fill(v2::PSIStats& message, const process::psi_stats& from) {
    if (from.some) fill(*message.mutable_some(), *from.some);
    if (from.full) fill(*message.mutable_full(), *from.full);
}

void fill(v2::CPUStat& message, const process::cpu_stat& from) {
    message.set_usage_usec(from.usage_usec);
    message.set_user_usec(from.user_usec);
    message.set_system_usec(from.system_usec);
    message.set_nr_periods(from.nr_periods);
    message.set_nr_throttled(from.nr_throttled);
    message.set_throttled_usec(from.throttled_usec);
    message.set_nr_bursts(from.nr_bursts);
    message.set_burst_usec(from.burst_usec);
    if (from.psi) fill(*message.mutable_psi(), *from.psi);
}

void fill(v2::MemoryStat& message, const process::memory_stat& from) {
    message.set_anon(from.anon);
    message.set_file(from.file);
    message.set_kernel_stack(from.kernel_stack);
    message.set_slab(from.slab);
    message.set_sock(from.sock);
    message.set_shmem(from.shmem);
    message.set_file_mapped(from.file_mapped);
    message.set_file_dirty(from.file_dirty);
    message.set_file_writeback(from.file_writeback);
    message.set_anon_thp(from.anon_thp);
    message.set_inactive_anon(from.inactive_anon);
    message.set_active_anon(from.active_anon);
    message.set_inactive_file(from.inactive_file);
    message.set_active_file(from.active_file);
    message.set_unevictable(from.unevictable);
    message.set_slab_reclaimable(from.slab_reclaimable);
    message.set_slab_unreclaimable(from.slab_unreclaimable);
    message.set_pgfault(from.pgfault);
    message.set_pgmajfault(from.pgmajfault);
    message.set_workingset_refault(from.workingset_refault);
    message.set_workingset_activate(from.workingset_activate);
    message.set_workingset_nodereclaim(from.workingset_nodereclaim);
    message.set_pgrefill(from.pgrefill);
    message.set_pgscan(from.pgscan);
    message.set_pgsteal(from.pgsteal);
    message.set_pgactivate(from.pgactivate);
    message.set_pgdeactivate(from.pgdeactivate);
    message.set_pglazyfree(from.pglazyfree);
    message.set_pglazyfreed(from.pglazyfreed);
    message.set_thp_fault_alloc(from.thp_fault_alloc);
    message.set_thp_collapse_alloc(from.thp_collapse_alloc);
    message.set_usage(from.usage);
    message.set_usage_limit(from.usage_limit);
    message.set_swap_usage(from.swap_usage);
    message.set_swap_limit(from.swap_limit);
    message.set_max_usage(from.max_usage);
    message.set_swap_max_usage(from.swap_max_usage);
    message.set_workingset_refault_anon(from.workingset_refault_anon);
    message.set_workingset_refault_file(from.workingset_refault_file);
    message.set_workingset_activate_anon(from.workingset_activate_anon);
    message.set_workingset_activate_file(from.workingset_activate_file);
    if (from.psi) fill(*message.mutable_psi(), *from.psi);
}

void fill(v2::MemoryEvents& message, const process::memory_events& from) {
    message.set_low(from.low);
    message.set_high(from.high);
    message.set_max(from.max);
    message.set_oom(from.oom);
    message.set_oom_kill(from.oom_kill);
    message.set_oom_group_kill(from.oom_group_kill);
}

void fill(v2::IOEntry& message, const process::io_entry& from) {
    message.set_major(from.major);
    message.set_minor(from.minor);
    message.set_rbytes(from.rbytes);
    message.set_wbytes(from.wbytes);
    message.set_rios(from.rios);
    message.set_wios(from.wios);
}

void fill(v2::IOStat& message, const process::io_stat& from) {
    for (const auto& entry : from.usage) fill(*message.add_usage(), entry);
    if (from.psi) fill(*message.mutable_psi(), *from.psi);
}

void fill(v2::RdmaEntry& message, const process::rdma_entry& from) {
    message.set_device(from.device);
    message.set_hca_handles(from.hca_handles);
    message.set_hca_objects(from.hca_objects);
}

void fill(v2::RdmaStat& message, const process::rdma_stat& from) {
    for (const auto& entry : from.current) fill(*message.add_current(), entry);
    for (const auto& entry : from.limit) fill(*message.add_limit(), entry);
}

void fill(v2::HugeTlbStat& message, const process::hugetlb_stat& from) {
    message.set_current(from.current);
    message.set_max(from.max);
    message.set_pagesize(from.pagesize);
    message.set_failcnt(from.failcnt);
}

}  // namespace

v2::Metrics to_message(const process::cgroup_metrics& metrics) {
    v2::Metrics message;
    // mutable_ makes a submessage present even if nothing is set in it.
    message.mutable_pids()->set_current(metrics.pids.current);
    message.mutable_pids()->set_limit(metrics.pids.limit);
    fill(*message.mutable_cpu(), metrics.cpu);
    fill(*message.mutable_memory(), metrics.memory);
    fill(*message.mutable_rdma(), metrics.rdma);
    fill(*message.mutable_io(), metrics.io);
    for (const auto& entry : metrics.hugetlb) fill(*message.add_hugetlb(), entry);
    if (metrics.events) fill(*message.mutable_memory_events(), *metrics.events);
    return message;
}

}  // namespace vminit::api
