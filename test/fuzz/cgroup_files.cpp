// SPDX-License-Identifier: Apache-2.0
#include "fuzz/input.hpp"
#include "process/cgroup_counters.hpp"
#include "process/hugetlb.hpp"
#include "process/io_stat.hpp"
#include "process/psi.hpp"
#include "process/rdma_stat.hpp"
#include "process/single_value.hpp"

using namespace vminit;

// Every reader of a cgroup file gets every text: which file a text is from is not what may break it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto text = test::as_text(data, size);
    process::cpu_stat cpu;
    process::parse_cpu_stat(text, cpu);
    process::memory_stat memory;
    process::parse_memory_stat(text, memory);
    process::parse_memory_events(text);
    process::parse_hugetlb_failures(text);
    process::parse_psi(text);
    process::parse_single_value(text);
    process::parse_page_size(text);
    test::require(process::parse_io_stat(text).size() <= process::max_io_entries, "io.stat is bounded");
    test::require(process::parse_rdma_stat(text).size() <= process::max_rdma_entries, "rdma files are bounded");
    return 0;
}
