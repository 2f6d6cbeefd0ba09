// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup_counters.hpp"

#include "process/key_value.hpp"

namespace vminit::process {

namespace {

constexpr counter<cpu_stat> cpu_counters[] = {
    {"usage_usec", &cpu_stat::usage_usec},     {"user_usec", &cpu_stat::user_usec},
    {"system_usec", &cpu_stat::system_usec},   {"nr_periods", &cpu_stat::nr_periods},
    {"nr_throttled", &cpu_stat::nr_throttled}, {"throttled_usec", &cpu_stat::throttled_usec},
    {"nr_bursts", &cpu_stat::nr_bursts},       {"burst_usec", &cpu_stat::burst_usec},
};

constexpr counter<memory_stat> memory_counters[] = {
    {"anon", &memory_stat::anon},
    {"file", &memory_stat::file},
    {"kernel_stack", &memory_stat::kernel_stack},
    {"slab", &memory_stat::slab},
    {"sock", &memory_stat::sock},
    {"shmem", &memory_stat::shmem},
    {"file_mapped", &memory_stat::file_mapped},
    {"file_dirty", &memory_stat::file_dirty},
    {"file_writeback", &memory_stat::file_writeback},
    {"anon_thp", &memory_stat::anon_thp},
    {"inactive_anon", &memory_stat::inactive_anon},
    {"active_anon", &memory_stat::active_anon},
    {"inactive_file", &memory_stat::inactive_file},
    {"active_file", &memory_stat::active_file},
    {"unevictable", &memory_stat::unevictable},
    {"slab_reclaimable", &memory_stat::slab_reclaimable},
    {"slab_unreclaimable", &memory_stat::slab_unreclaimable},
    {"pgfault", &memory_stat::pgfault},
    {"pgmajfault", &memory_stat::pgmajfault},
    {"workingset_refault", &memory_stat::workingset_refault},
    {"workingset_activate", &memory_stat::workingset_activate},
    {"workingset_nodereclaim", &memory_stat::workingset_nodereclaim},
    {"pgrefill", &memory_stat::pgrefill},
    {"pgscan", &memory_stat::pgscan},
    {"pgsteal", &memory_stat::pgsteal},
    {"pgactivate", &memory_stat::pgactivate},
    {"pgdeactivate", &memory_stat::pgdeactivate},
    {"pglazyfree", &memory_stat::pglazyfree},
    {"pglazyfreed", &memory_stat::pglazyfreed},
    {"thp_fault_alloc", &memory_stat::thp_fault_alloc},
    {"thp_collapse_alloc", &memory_stat::thp_collapse_alloc},
    {"workingset_refault_anon", &memory_stat::workingset_refault_anon},
    {"workingset_refault_file", &memory_stat::workingset_refault_file},
    {"workingset_activate_anon", &memory_stat::workingset_activate_anon},
    {"workingset_activate_file", &memory_stat::workingset_activate_file},
};

constexpr counter<memory_events> event_counters[] = {
    {"low", &memory_events::low},           {"high", &memory_events::high},
    {"max", &memory_events::max},           {"oom", &memory_events::oom},
    {"oom_kill", &memory_events::oom_kill}, {"oom_group_kill", &memory_events::oom_group_kill},
};

constexpr counter<hugetlb_stat> hugetlb_counters[] = {{"max", &hugetlb_stat::failcnt}};

}  // namespace

void parse_cpu_stat(std::string_view text, cpu_stat& into) noexcept {
    parse_key_values<cpu_stat>(text, cpu_counters, into);
}

void parse_memory_stat(std::string_view text, memory_stat& into) noexcept {
    parse_key_values<memory_stat>(text, memory_counters, into);
}

std::optional<memory_events> parse_memory_events(std::string_view text) noexcept {
    memory_events events;
    if (parse_key_values<memory_events>(text, event_counters, events) == 0) return std::nullopt;
    return events;
}

std::uint64_t parse_hugetlb_failures(std::string_view text) noexcept {
    hugetlb_stat stat;
    parse_key_values<hugetlb_stat>(text, hugetlb_counters, stat);
    return stat.failcnt;
}

}  // namespace vminit::process
