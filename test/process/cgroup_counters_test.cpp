// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup_counters.hpp"

#include <catch2/catch.hpp>
#include <string>

#include "process/key_value.hpp"

namespace vminit::process {

namespace {

cpu_stat cpu_of(std::string_view text) {
    cpu_stat stat;
    parse_cpu_stat(text, stat);
    return stat;
}

}  // namespace

TEST_CASE("a key-value line has two fields, the second a number", "[cgroup]") {
    auto line = parse_key_value_line(" usage_usec\t100 ");
    REQUIRE(line);
    CHECK(line->key == "usage_usec");
    CHECK(line->value == 100);
    for (auto bad :
         {"", " ", "usage_usec", "100", "usage_usec 1 2", "usage_usec x", "usage_usec=1", "usage_usec 1.5"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_key_value_line(bad));
    }
}

TEST_CASE("cpu.stat fills every field of its message", "[cgroup]") {
    auto stat = cpu_of(
        "usage_usec 1\nuser_usec 2\nsystem_usec 3\ncore_sched.force_idle_usec 99\nnr_periods 4\nnr_throttled 5\n"
        "throttled_usec 6\nnr_bursts 7\nburst_usec 8\n");
    CHECK(stat.usage_usec == 1);
    CHECK(stat.user_usec == 2);
    CHECK(stat.system_usec == 3);
    CHECK(stat.nr_periods == 4);
    CHECK(stat.nr_throttled == 5);
    CHECK(stat.throttled_usec == 6);
    CHECK(stat.nr_bursts == 7);
    CHECK(stat.burst_usec == 8);
    CHECK_FALSE(stat.psi);
}

TEST_CASE("malformed lines of cpu.stat cost only themselves", "[cgroup]") {
    auto stat =
        cpu_of("usage_usec 100 extra\n\nusage_usec\nuser_usec sixty\nsystem_usec 40\nnr_periods -3\n\xff\xfe 1\n");
    cpu_stat expected;
    expected.system_usec = 40;
    CHECK(stat == expected);
}

TEST_CASE("the last line of cpu.stat needs no newline", "[cgroup]") { CHECK(cpu_of("usage_usec 7").usage_usec == 7); }

TEST_CASE("each key of memory.stat fills its own field", "[cgroup]") {
    struct named {
        const char* key;
        std::uint64_t memory_stat::* member;
    };
    auto field = GENERATE(values<named>({
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
    }));
    CAPTURE(field.key);
    memory_stat stat;
    parse_memory_stat("kernel 5\n" + std::string(field.key) + " 4096\nzswap 6\n", stat);
    memory_stat expected;
    expected.*field.member = 4096;
    CHECK(stat == expected);
}

TEST_CASE("memory.events fills every field of its message", "[cgroup]") {
    auto events = parse_memory_events("low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
    memory_events expected{1, 2, 3, 4, 5, 6};
    CHECK(events == expected);
}

TEST_CASE("memory.events without a well-formed line is absent", "[cgroup]") {
    CHECK_FALSE(parse_memory_events(""));
    CHECK_FALSE(parse_memory_events("\n"));
    CHECK_FALSE(parse_memory_events("oom_kill\noom_kill 1 2\n"));
    CHECK(parse_memory_events("sock_throttled 0\n") == memory_events{});
}

TEST_CASE("hugetlb events count failures under max", "[cgroup]") {
    CHECK(parse_hugetlb_failures("max 12\n") == 12);
    CHECK(parse_hugetlb_failures("") == 0);
    CHECK(parse_hugetlb_failures("min 3\n") == 0);
}

}  // namespace vminit::process
