// SPDX-License-Identifier: Apache-2.0
#include "shim_paths.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

namespace vminit::shim {

namespace json = boost::json;

namespace {

// Ours, made once by uuidgen(1): no other program names things with it.
constexpr boost::uuids::uuid name_space{
    {0x5b, 0x1e, 0x7a, 0x90, 0x3d, 0x42, 0x4c, 0x0f, 0x9a, 0x57, 0x21, 0xc4, 0x0e, 0x6f, 0xd8, 0x13}};

constexpr std::string_view group_annotations[] = {"io.containerd.runc.v2.group", "io.kubernetes.cri.sandbox-id"};

}  // namespace

std::string group_of(std::string_view config_json, std::string_view id) {
    error_code failure;
    auto document = json::parse(json::string_view(config_json.data(), config_json.size()), failure);
    const auto* spec = failure ? nullptr : document.if_object();
    const auto* annotations = spec != nullptr ? spec->if_contains("annotations") : nullptr;
    if (annotations == nullptr || !annotations->is_object()) return std::string(id);
    for (auto name : group_annotations) {
        const auto* value = annotations->get_object().if_contains(json::string_view(name.data(), name.size()));
        if (value != nullptr && value->is_string() && !value->get_string().empty())
            return std::string(value->get_string());
    }
    return std::string(id);
}

shim_paths paths_of(std::string_view socket_directory, std::string_view state_directory, std::string_view grpc_address,
                    std::string_view space, std::string_view group) {
    boost::uuids::name_generator_sha1 generator(name_space);
    auto name = boost::uuids::to_string(generator(fmt::format("{}/{}/{}", grpc_address, space, group)));
    return {fmt::format("{}/{}", socket_directory, name), fmt::format("{}/{}", state_directory, name)};
}

result<shim_paths> paths_at(std::string_view address, std::string_view state_directory) {
    constexpr std::string_view scheme = "unix://";
    auto slash = address.rfind('/');
    bool is_ours = address.starts_with(scheme) && slash > scheme.size() && slash + 1 < address.size();
    if (!is_ours) return error(errc::invalid_argument, fmt::format("address \"{}\"", address));
    return shim_paths{std::string(address.substr(scheme.size())),
                      fmt::format("{}/{}", state_directory, address.substr(slash + 1))};
}

}  // namespace vminit::shim
