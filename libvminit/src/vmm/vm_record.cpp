// SPDX-License-Identifier: Apache-2.0
#include "vminit/vmm/vm_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "qemu_command.hpp"
#include "vminit/core/directory.hpp"
#include "vminit/core/file.hpp"
#include "vminit/core/syscalls.hpp"

namespace vminit::vmm {

namespace json = boost::json;

namespace {

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

template <class Number>
Number number_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    error_code failure;
    auto number = value == nullptr ? Number(0) : value->to_number<Number>(failure);
    return failure ? Number(0) : number;
}

using match = bool (*)(const std::string& known, const std::string& wanted);

std::vector<const vm_record*> matching(const std::vector<vm_record>& records, const std::string& space,
                                       const std::string& id, match fits) {
    std::vector<const vm_record*> found;
    for (const auto& record : records) {
        if (record.space != space) continue;
        for (const auto& known : record.containers) {
            if (fits(known, id)) found.push_back(&record);
        }
    }
    return found;
}

}  // namespace

std::string to_text(const vm_record& record) {
    json::array containers;
    for (const auto& id : record.containers) containers.push_back(json::value(id));
    json::object object{{"rpc", record.rpc},         {"streams", record.streams},
                        {"pid", record.pid},         {"keeper", record.keeper},
                        {"cpus", record.cpus},       {"memory_mib", record.memory_mib},
                        {"namespace", record.space}, {"containers", std::move(containers)}};
    return json::serialize(object) + "\n";
}

result<vm_record> parse_record(std::string_view text) {
    error_code failure;
    auto document = json::parse(json::string_view(text.data(), text.size()), failure);
    const auto* object = failure ? nullptr : document.if_object();
    if (object == nullptr) return error(errc::invalid_argument, "not a VM's record");
    vm_record record;
    record.rpc = text_at(*object, "rpc");
    record.streams = text_at(*object, "streams");
    record.space = text_at(*object, "namespace");
    record.pid = number_at<pid_t>(*object, "pid");
    record.keeper = number_at<pid_t>(*object, "keeper");
    record.cpus = number_at<unsigned>(*object, "cpus");
    record.memory_mib = number_at<std::uint64_t>(*object, "memory_mib");
    const auto* containers = object->if_contains("containers");
    if (record.rpc.empty() || containers == nullptr || !containers->is_array())
        return error(errc::invalid_argument, "not a VM's record");
    for (const auto& id : containers->get_array()) {
        if (id.is_string()) record.containers.emplace_back(std::string_view(id.get_string()));
    }
    return record;
}

ttrpc::address guest_address(const vm_plan& plan, std::uint32_t port) {
    if (plan.vsock_device.empty()) return ttrpc::address::vsock(plan.guest_cid, port);
    return ttrpc::address::hvsock(vsock_socket(plan), port);
}

vm_record record_of(const vm_plan& plan) {
    vm_record record;
    record.rpc = guest_address(plan, plan.rpc_port).to_string();
    record.streams = guest_address(plan, plan.stream_port).to_string();
    record.cpus = plan.cpus;
    record.memory_mib = plan.memory_mib;
    record.directory = plan.directory;
    return record;
}

result<vm_record> read_record(const std::string& directory) {
    auto text = read_file(fmt::format("{}/{}", directory, record_name));
    if (!text) return text.error();
    auto record = parse_record(*text);
    if (record) record->directory = directory;
    return record;
}

result<std::vector<vm_record>> read_records(const std::string& state) {
    std::vector<vm_record> records;
    auto names = names_in(state);
    if (!names && syscalls::is_errno(names.error(), ENOENT)) return records;
    if (!names) return names.error();
    for (const auto& name : *names) {
        auto record = read_record(state + "/" + name);
        if (record) records.push_back(std::move(*record));
    }
    return records;
}

result<vm_record> find_record(const std::vector<vm_record>& records, const std::string& space, const std::string& id) {
    auto found = matching(records, space, id,
                          [](const std::string& known, const std::string& wanted) { return known == wanted; });
    if (found.empty() && !id.empty()) {
        found = matching(records, space, id,
                         [](const std::string& known, const std::string& wanted) { return known.starts_with(wanted); });
    }
    auto what = fmt::format("the VM of container {} in namespace {}", id, space);
    if (found.empty()) return error(errc::not_found, std::move(what));
    if (found.size() > 1) return error(errc::failed_precondition, what + ": there are several");
    return *found.front();
}

}  // namespace vminit::vmm
