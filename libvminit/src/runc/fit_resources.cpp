// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "runc/number_list.hpp"
#include "runc/spec_parts.hpp"

namespace vminit::runc {

namespace {

constexpr std::size_t most_quoted = 64;  // characters of the host's, in a remark

bool contains(const std::vector<std::string>& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// Names of the host's processors and memory nodes: those we have. None: then all of them, as without a word.
void fit_list(json::object& object, std::string_view key, std::string_view present, remarks& said) {
    auto wanted = text_of(object, key);
    auto common = common_numbers(wanted, present);
    if (wanted.empty() || !common || common->is_all) return;
    if (common->text.empty()) return leave_out(object, key, "the machine has " + std::string(present), said);
    set_text(object, key, common->text);
    said.add(std::string(key) + " " + wanted.substr(0, most_quoted) + " cut to " + common->text);
}

void fit_cpu(json::object& cpu, const machine_facts& facts, remarks& said) {
    fit_list(cpu, "cpus", facts.cpus, said);
    fit_list(cpu, "mems", facts.memory_nodes, said);
    for (const char* key : {"realtimeRuntime", "realtimePeriod"}) leave_out(cpu, key, "not in cgroup v2", said);
}

void fit_memory(json::object& memory, const machine_facts& facts, remarks& said) {
    for (const char* key : {"kernel", "kernelTCP", "swappiness", "disableOOMKiller"}) {
        leave_out(memory, key, "not in cgroup v2", said);
    }
    if (!facts.has_swap_limits) leave_out(memory, "swap", "the kernel has no limit for it", said);
}

void fit_block_io(json::object& io, const machine_facts& facts, remarks& said) {
    for (const char* key : {"weight", "leafWeight", "weightDevice"}) {
        if (!facts.has_io_weights) leave_out(io, key, "the kernel has no I/O weights", said);
    }
    for (const char* key : {"weightDevice", "throttleReadBpsDevice", "throttleWriteBpsDevice", "throttleReadIOPSDevice",
                            "throttleWriteIOPSDevice"}) {
        auto* entries = array_in(io, key);
        if (entries == nullptr) continue;
        keep_if(*entries, [&](json::value& entry) {
            if (!entry.is_object()) return true;
            auto major = number_in(entry.get_object(), "major"), minor = number_in(entry.get_object(), "minor");
            if (!major || !minor || has_device(facts, 'b', *major, *minor)) return true;
            said.add(std::string(key) + " left out: no disk " + std::to_string(*major) + ":" + std::to_string(*minor));
            return false;
        });
    }
}

void fit_huge_pages(json::object& resources, const machine_facts& facts, remarks& said) {
    auto* limits = array_in(resources, "hugepageLimits");
    if (limits == nullptr) return;
    bool has_controller = facts.controllers.empty() || contains(facts.controllers, "hugetlb");
    keep_if(*limits, [&](json::value& entry) {
        auto size = text_of(entry, "pageSize");
        if (size.empty() || (has_controller && contains(facts.huge_pages, size))) return true;
        said.add("limit of " + size + " pages left out: there are none");
        return false;
    });
}

}  // namespace

void fit_resources(json::object& resources, const machine_facts& facts, remarks& said) {
    if (auto* cpu = object_in(resources, "cpu")) fit_cpu(*cpu, facts, said);
    if (auto* memory = object_in(resources, "memory")) fit_memory(*memory, facts, said);
    if (auto* io = object_in(resources, "blockIO")) fit_block_io(*io, facts, said);
    if (auto* unified = object_in(resources, "unified")) {
        fit_list(*unified, "cpuset.cpus", facts.cpus, said);
        fit_list(*unified, "cpuset.mems", facts.memory_nodes, said);
    }
    fit_huge_pages(resources, facts, said);
    leave_out(resources, "network", "not in cgroup v2", said);
    bool has_rdma = facts.controllers.empty() || contains(facts.controllers, "rdma");
    if (!has_rdma) leave_out(resources, "rdma", "no such controller", said);
}

result<fitted_text> fit_resources(std::string_view resources_json, const machine_facts& facts) {
    auto resources = parse_object(resources_json, "resources");
    if (!resources) return resources.error();
    fitted_text fitted;
    fit_resources(*resources, facts, fitted.said);
    fitted.text = to_text(*resources);
    return fitted;
}

}  // namespace vminit::runc
