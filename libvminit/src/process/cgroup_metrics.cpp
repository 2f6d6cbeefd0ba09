// SPDX-License-Identifier: Apache-2.0
#include "vminit/process/cgroup_metrics.hpp"

#include "process/cgroup_counters.hpp"
#include "process/cgroup_file.hpp"
#include "process/hugetlb.hpp"
#include "process/io_stat.hpp"
#include "process/psi.hpp"
#include "process/rdma_stat.hpp"
#include "process/single_value.hpp"
#include "vminit/core/file.hpp"

namespace vminit::process {

namespace {

// One cgroup's files by name.
class cgroup_reader {
public:
    explicit cgroup_reader(const std::string& path) : prefix_(path + "/") {}

    std::uint64_t value(const std::string& name) const {
        auto text = read_file(prefix_ + name, single_value_size);
        return text ? parse_single_value(*text).value_or(0) : 0;
    }

    // Empty if it cannot be read: controllers are off, or nobody would miss it.
    std::string text(const std::string& name) const {
        auto text = read_cgroup_file(prefix_ + name);
        return text ? std::move(*text) : std::string();
    }

    // Failure to read these fails Stats; empty if missing.
    result<std::string> required(const std::string& name) const {
        auto text = read_cgroup_file(prefix_ + name);
        if (text) return text;
        if (is_gone(text.error())) return std::string();
        return error(errc::unknown, text.error().message());
    }

    std::optional<psi_stats> pressure(const std::string& name) const {
        auto text = read_cgroup_file(prefix_ + name);
        if (!text) return std::nullopt;  // EOPNOTSUPP with psi=0
        return parse_psi(*text);
    }

private:
    std::string prefix_;
};

void read_memory_limits(const cgroup_reader& cgroup, memory_stat& memory) {
    memory.usage = cgroup.value("memory.current");
    memory.usage_limit = cgroup.value("memory.max");
    memory.swap_usage = cgroup.value("memory.swap.current");
    memory.swap_limit = cgroup.value("memory.swap.max");
    memory.max_usage = cgroup.value("memory.peak");
    memory.swap_max_usage = cgroup.value("memory.swap.peak");
    memory.psi = cgroup.pressure("memory.pressure");
}

hugetlb_stat read_hugetlb(const cgroup_reader& cgroup, std::string size) {
    hugetlb_stat stat;
    std::string prefix = "hugetlb." + size;
    stat.current = cgroup.value(prefix + ".current");
    stat.max = cgroup.value(prefix + ".max");
    stat.failcnt = parse_hugetlb_failures(cgroup.text(prefix + ".events"));
    stat.pagesize = std::move(size);
    return stat;
}

}  // namespace

result<cgroup_metrics> read_cgroup_metrics(const std::string& path, const std::string& hugepages) {
    cgroup_reader cgroup(path);
    auto cpu = cgroup.required("cpu.stat");
    if (!cpu) return cpu.error();
    auto memory = cgroup.required("memory.stat");
    if (!memory) return memory.error();
    auto events = cgroup.required("memory.events");
    if (!events) return events.error();

    cgroup_metrics metrics;
    metrics.pids.current = cgroup.value("pids.current");
    metrics.pids.limit = cgroup.value("pids.max");
    parse_cpu_stat(*cpu, metrics.cpu);
    metrics.cpu.psi = cgroup.pressure("cpu.pressure");
    parse_memory_stat(*memory, metrics.memory);
    read_memory_limits(cgroup, metrics.memory);
    metrics.events = parse_memory_events(*events);
    metrics.io.usage = parse_io_stat(cgroup.text("io.stat"));
    metrics.io.psi = cgroup.pressure("io.pressure");
    metrics.rdma.current = parse_rdma_stat(cgroup.text("rdma.current"));
    metrics.rdma.limit = parse_rdma_stat(cgroup.text("rdma.max"));
    for (auto& size : list_page_sizes(hugepages)) metrics.hugetlb.push_back(read_hugetlb(cgroup, std::move(size)));
    return metrics;
}

}  // namespace vminit::process
