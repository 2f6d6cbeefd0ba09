// SPDX-License-Identifier: Apache-2.0
#include "vminit/runc/oci_spec.hpp"

#include <algorithm>

#include "runc/spec_json.hpp"
#include "vminit/core/file.hpp"

namespace vminit::runc {

namespace {

// A bundle's files come in one frame of at most 4 MiB.
constexpr std::size_t max_spec = std::size_t{4} << 20;

bool is_own_pid_namespace(const json::value& entry) {
    return text_of(entry, "type") == "pid" && text_of(entry, "path").empty();
}

}  // namespace

bool has_private_pids(json::object& spec) {
    auto* linux = object_in(spec, "linux");
    const auto* namespaces = linux != nullptr ? array_in(*linux, "namespaces") : nullptr;
    if (namespaces == nullptr) return false;
    return std::any_of(namespaces->begin(), namespaces->end(), is_own_pid_namespace);
}

bool has_private_pid_namespace(std::string_view config_json) {
    auto spec = parse_object(config_json, "OCI spec");
    return spec && has_private_pids(*spec);
}

bool bundle_has_private_pid_namespace(const std::string& bundle) {
    auto text = read_file(bundle + "/config.json", max_spec);
    return text && has_private_pid_namespace(*text);
}

}  // namespace vminit::runc
