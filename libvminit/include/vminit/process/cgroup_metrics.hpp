// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "vminit/core/result.hpp"

/// What Stats answers: `io.containerd.cgroups.v2.Metrics` as plain values. Field order is that of the message.
namespace vminit::process {

/// A line of a pressure file: shares of 10, 60 and 300 s in percent, and the whole in microseconds.
struct psi_data {
    double avg10 = 0, avg60 = 0, avg300 = 0;
    std::uint64_t total = 0;
    friend bool operator==(const psi_data&, const psi_data&) = default;
};

/// A half is absent when the file has no such line: older kernels have no `full` for the cpu.
struct psi_stats {
    std::optional<psi_data> some, full;
    friend bool operator==(const psi_stats&, const psi_stats&) = default;
};

/// The pids controller: processes now, and how many there may be.
struct pids_stat {
    std::uint64_t current = 0, limit = 0;
    friend bool operator==(const pids_stat&, const pids_stat&) = default;
};

/// cpu.stat, and cpu.pressure. Times in microseconds.
struct cpu_stat {
    std::uint64_t usage_usec = 0, user_usec = 0, system_usec = 0;
    std::uint64_t nr_periods = 0, nr_throttled = 0, throttled_usec = 0;
    std::optional<psi_stats> psi;
    std::uint64_t nr_bursts = 0, burst_usec = 0;
    friend bool operator==(const cpu_stat&, const cpu_stat&) = default;
};

/// memory.stat and the other files of the memory controller, in bytes or counts as the kernel has them.
struct memory_stat {
    std::uint64_t anon = 0, file = 0, kernel_stack = 0, slab = 0, sock = 0, shmem = 0, file_mapped = 0, file_dirty = 0,
                  file_writeback = 0, anon_thp = 0, inactive_anon = 0, active_anon = 0, inactive_file = 0,
                  active_file = 0, unevictable = 0, slab_reclaimable = 0, slab_unreclaimable = 0, pgfault = 0,
                  pgmajfault = 0, workingset_refault = 0, workingset_activate = 0, workingset_nodereclaim = 0,
                  pgrefill = 0, pgscan = 0, pgsteal = 0, pgactivate = 0, pgdeactivate = 0, pglazyfree = 0,
                  pglazyfreed = 0, thp_fault_alloc = 0, thp_collapse_alloc = 0;
    std::uint64_t usage = 0, usage_limit = 0, swap_usage = 0, swap_limit = 0, max_usage = 0, swap_max_usage = 0;
    std::optional<psi_stats> psi;
    std::uint64_t workingset_refault_anon = 0, workingset_refault_file = 0, workingset_activate_anon = 0,
                  workingset_activate_file = 0;
    friend bool operator==(const memory_stat&, const memory_stat&) = default;
};

/// A device of the rdma controller.
struct rdma_entry {
    std::string device;
    std::uint32_t hca_handles = 0, hca_objects = 0;
    friend bool operator==(const rdma_entry&, const rdma_entry&) = default;
};

/// rdma.current and rdma.max.
struct rdma_stat {
    std::vector<rdma_entry> current, limit;
    friend bool operator==(const rdma_stat&, const rdma_stat&) = default;
};

/// A device of io.stat: bytes and operations, read and written.
struct io_entry {
    std::uint64_t major = 0, minor = 0, rbytes = 0, wbytes = 0, rios = 0, wios = 0;
    friend bool operator==(const io_entry&, const io_entry&) = default;
};

/// io.stat, and io.pressure.
struct io_stat {
    std::vector<io_entry> usage;
    std::optional<psi_stats> psi;
    friend bool operator==(const io_stat&, const io_stat&) = default;
};

/// The hugetlb controller for one size of pages. Bytes; `failcnt` counts refusals.
struct hugetlb_stat {
    std::uint64_t current = 0, max = 0;
    std::string pagesize;
    std::uint64_t failcnt = 0;
    friend bool operator==(const hugetlb_stat&, const hugetlb_stat&) = default;
};

/// memory.events: how often each happened.
struct memory_events {
    std::uint64_t low = 0, high = 0, max = 0, oom = 0, oom_kill = 0, oom_group_kill = 0;
    friend bool operator==(const memory_events&, const memory_events&) = default;
};

/// "No limit" is 2^64-1, an absent controller 0. The submessages that are not optional are always sent.
struct cgroup_metrics {
    pids_stat pids;
    cpu_stat cpu;
    memory_stat memory;
    rdma_stat rdma;
    io_stat io;
    std::vector<hugetlb_stat> hugetlb;
    std::optional<memory_events> events;  ///< absent if memory.events is missing or empty
    friend bool operator==(const cgroup_metrics&, const cgroup_metrics&) = default;
};

/// Reads all metrics of the cgroup directory `path`. A missing file, a controller that is off and a cgroup that goes
/// away meanwhile read as zeros, and so does a value that is no number; malformed lines are skipped. `hugepages` is the
/// directory with one `hugepages-<N>kB` a size: an entry each, in directory order.
///
/// A few dozen short reads of kernel memory: it does not wait for I/O. Errors: `unknown` with the text of the failed
/// read for other I/O errors on cpu.stat, memory.stat and memory.events; those on other files read as zeros too.
result<cgroup_metrics> read_cgroup_metrics(const std::string& path,
                                           const std::string& hugepages = "/sys/kernel/mm/hugepages");

}  // namespace vminit::process
