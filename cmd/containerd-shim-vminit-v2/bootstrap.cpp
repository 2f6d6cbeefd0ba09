// SPDX-License-Identifier: Apache-2.0
#include "bootstrap.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "github.com/containerd/containerd/api/runtime/bootstrap/v1/bootstrap.pb.h"
#include "github.com/containerd/containerd/api/types/mount.pb.h"
#include "rootfs_plan.hpp"

namespace vminit::shim {

namespace {

using containerd::runtime::bootstrap::v1::BootstrapParams;
using containerd::runtime::bootstrap::v1::BootstrapResult;

constexpr int debug_level = -4;     // LOG_LEVEL_DEBUG
constexpr int version_of_json = 2;  // taken by every daemon that reads JSON
constexpr int version_of_message = 3;

void add_mount_capabilities(BootstrapResult& result) {
    containerd::types::MountCapabilities mounts;
    for (auto type : guest_mount_types) mounts.add_types(std::string(type));
    for (auto transform : guest_mount_transforms) mounts.add_transforms(std::string(transform));
    auto& extension = *result.add_extensions()->mutable_value();
    extension.set_type_url("containerd.types.MountCapabilities");
    extension.set_value(mounts.SerializeAsString());
}

void prefer(std::string& value, const std::string& other) {
    if (!other.empty()) value = other;
}

}  // namespace

bootstrap read_bootstrap(shim_request request, std::string_view standard_input) {
    bootstrap answer{std::move(request), answer_form::plain};
    answer.form = answer.request.knows_json ? answer_form::json : answer_form::plain;
    BootstrapParams params;
    bool is_params = !standard_input.empty() &&
                     params.ParseFromArray(standard_input.data(), static_cast<int>(standard_input.size())) &&
                     params.instance_id() == answer.request.id && params.namespace_() == answer.request.space;
    if (!is_params) return answer;
    answer.form = answer_form::message;
    prefer(answer.request.grpc_address, params.containerd_grpc_address());
    prefer(answer.request.ttrpc_address, params.containerd_ttrpc_address());
    prefer(answer.request.containerd_binary, params.containerd_binary());
    prefer(answer.socket_directory, params.socket_dir());
    answer.request.is_debug = answer.request.is_debug || params.log_level() <= debug_level;
    return answer;
}

std::string start_answer(answer_form form, std::string_view address) {
    if (form == answer_form::plain) return std::string(address);
    if (form == answer_form::json) {
        boost::json::object fields{{"version", version_of_json}, {"address", address}, {"protocol", "ttrpc"}};
        return boost::json::serialize(fields);
    }
    BootstrapResult result;
    result.set_version(version_of_message);
    result.set_address(std::string(address));
    result.set_protocol("ttrpc");
    add_mount_capabilities(result);
    return result.SerializeAsString();
}

}  // namespace vminit::shim
