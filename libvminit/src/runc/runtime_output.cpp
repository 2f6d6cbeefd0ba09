// SPDX-License-Identifier: Apache-2.0
#include "runc/runtime_output.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <string>

namespace vminit::runc {

namespace {

namespace json = boost::json;

json::value parse(std::string_view output, error_code& failed) {
    return json::parse(json::string_view(output.data(), output.size()), failed);
}

std::string text_of(const json::object& object, json::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->as_string().data(), value->as_string().size());
}

pid_t pid_of(const json::value& value) {
    auto number = value.is_number() ? json::try_value_to<pid_t>(value) : json::result<pid_t>(0);
    return number ? *number : 0;
}

}  // namespace

result<std::vector<pid_t>> parse_pids(std::string_view output) {
    error_code failed;
    auto document = parse(output, failed);
    if (!failed && document.is_null()) return std::vector<pid_t>();
    if (failed || !document.is_array()) return error(errc::unknown, "ps: the runtime printed no list of pids");
    std::vector<pid_t> pids;
    for (const auto& entry : document.as_array()) {
        pids.push_back(pid_of(entry));
        if (pids.back() <= 0) return error(errc::unknown, "ps: the runtime printed no list of pids");
    }
    return pids;
}

result<runtime_state> parse_state(std::string_view output) {
    error_code failed;
    auto document = parse(output, failed);
    if (failed || !document.is_object()) return error(errc::unknown, "state: the runtime printed no JSON object");
    const auto& object = document.as_object();
    runtime_state state;
    state.id = text_of(object, "id");
    state.status = text_of(object, "status");
    state.bundle = text_of(object, "bundle");
    if (const auto* pid = object.if_contains("pid")) state.pid = pid_of(*pid);
    return state;
}

}  // namespace vminit::runc
