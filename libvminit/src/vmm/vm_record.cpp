#include "vminit/vmm/vm_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "vminit/core/file.hpp"

namespace vminit::vmm {

namespace json = boost::json;

namespace {

std::string text_at(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
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
    json::object object{{"rpc", record.rpc},
                        {"streams", record.streams},
                        {"pid", record.pid},
                        {"namespace", record.space},
                        {"containers", std::move(containers)}};
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
    const auto* pid = object->if_contains("pid");
    if (pid != nullptr && pid->is_int64()) record.pid = static_cast<pid_t>(pid->get_int64());
    const auto* containers = object->if_contains("containers");
    if (record.rpc.empty() || containers == nullptr || !containers->is_array())
        return error(errc::invalid_argument, "not a VM's record");
    for (const auto& id : containers->get_array()) {
        if (id.is_string()) record.containers.emplace_back(std::string_view(id.get_string()));
    }
    return record;
}

result<std::vector<vm_record>> read_records(const std::string& state) {
    std::vector<vm_record> records;
    std::error_code failure;
    std::filesystem::directory_iterator entries(state, failure);
    if (failure == std::errc::no_such_file_or_directory) return records;
    if (failure) return error(error_code(failure.value(), boost::system::system_category()), state);
    for (; !failure && entries != std::filesystem::directory_iterator(); entries.increment(failure)) {
        auto text = read_file(fmt::format("{}/{}", entries->path().string(), record_name));
        auto record = text ? parse_record(*text) : result<vm_record>(text.error());
        if (record) records.push_back(std::move(*record));
    }
    if (failure) return error(error_code(failure.value(), boost::system::system_category()), state);
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
