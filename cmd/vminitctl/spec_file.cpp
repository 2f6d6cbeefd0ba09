// SPDX-License-Identifier: Apache-2.0
#include "spec_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "vminit/core/file.hpp"

namespace vminit::vminitctl {

namespace json = boost::json;

namespace {

constexpr std::size_t longest_spec = std::size_t{4} << 20;

struct known_part {
    std::string_view outer;  ///< empty = the document
    std::string_view name;
    json::kind kind;
};

constexpr known_part parts[] = {
    {"", "process", json::kind::object},       {"", "root", json::kind::object},
    {"", "mounts", json::kind::array},         {"", "linux", json::kind::object},
    {"", "annotations", json::kind::object},   {"process", "args", json::kind::array},
    {"process", "env", json::kind::array},     {"process", "capabilities", json::kind::object},
    {"process", "rlimits", json::kind::array}, {"linux", "namespaces", json::kind::array},
    {"linux", "resources", json::kind::object}};

result<void> check(const json::object& spec, const known_part& part) {
    const auto* within = part.outer.empty() ? &spec : nullptr;
    const auto* outer = part.outer.empty() ? nullptr : spec.if_contains(part.outer);
    if (outer != nullptr) within = outer->if_object();
    const auto* value = within == nullptr ? nullptr : within->if_contains(part.name);
    if (value == nullptr || value->kind() == part.kind) return {};
    auto name = fmt::format("{}{}{}", part.outer, part.outer.empty() ? "" : ".", part.name);
    auto wanted = part.kind == json::kind::array ? "a list" : "an object";
    return error(errc::invalid_argument, fmt::format("{} is not {}", name, wanted));
}

bool is_text(const json::value& value) { return value.is_string(); }

result<void> check_environment(const json::object& spec) {
    const auto* process = spec.if_contains("process");
    const auto* environment = process == nullptr ? nullptr : process->get_object().if_contains("env");
    if (environment == nullptr) return {};
    const auto& list = environment->get_array();
    if (std::all_of(list.begin(), list.end(), is_text)) return {};
    return error(errc::invalid_argument, "process.env is not a list of texts");
}

}  // namespace

result<json::object> parse_spec(std::string_view text, const std::string& origin) {
    json::error_code failure;
    auto document = json::parse(text, failure);
    if (failure) return error(errc::invalid_argument, "it is not JSON (" + failure.message() + ")").within(origin);
    if (!document.is_object()) return error(errc::invalid_argument, "it is not an OCI config.json").within(origin);
    auto& spec = document.get_object();
    for (const auto& part : parts) {
        if (auto checked = check(spec, part); !checked) return checked.error().within(origin);
    }
    if (auto checked = check_environment(spec); !checked) return checked.error().within(origin);
    return std::move(spec);
}

result<json::object> read_spec_file(const std::string& path) {
    auto text = read_file(path, longest_spec);
    if (!text) return text.error();
    return parse_spec(*text, path);
}

}  // namespace vminit::vminitctl
