// SPDX-License-Identifier: Apache-2.0
#include "task_messages.hpp"

#include "message_fields.hpp"
#include "github.com/containerd/containerd/api/types/runc/options/oci.pb.h"
#include "github.com/spin-stack/spinbox/api/types/spinbox/v1/options.pb.h"

namespace vminit::api {

namespace {

process::runtime_options from_runc_options(const containerd::runc::v1::Options& message) {
    process::runtime_options options;
    options.no_pivot_root = message.no_pivot_root();
    options.no_new_keyring = message.no_new_keyring();
    options.systemd_cgroup = message.systemd_cgroup();
    options.io_uid = message.io_uid();
    options.io_gid = message.io_gid();
    options.binary_name = message.binary_name();
    options.root = message.root();
    options.shim_cgroup = message.shim_cgroup();
    options.criu_image_path = message.criu_image_path();
    options.criu_work_path = message.criu_work_path();
    return options;
}

result<process::runtime_options> to_options(const google::protobuf::Any& any, logger& log) {
    process::runtime_options options;
    if (any.value().empty()) return options;
    auto name = type_name(any.type_url());
    if (name == "containerd.runc.v1.Options") {
        containerd::runc::v1::Options message;
        if (!message.ParseFromString(any.value())) return error(errc::invalid_argument, "cannot decode " + any.type_url());
        return from_runc_options(message);
    }
    if (name == "io.containerd.spinbox.v1.SpinboxOpts") {
        io::containerd::spinbox::v1::SpinboxOpts message;
        if (!message.ParseFromString(any.value())) return error(errc::invalid_argument, "cannot decode " + any.type_url());
        options.io_uid = message.io_uid();
        options.io_gid = message.io_gid();
        return options;
    }
    log.warn("create options of an unknown type, using defaults", {{"type_url", any.type_url()}});
    return options;
}

containerd::v1::types::Status to_status(process::process_status status) {
    switch (status) {
        case process::process_status::unknown: return containerd::v1::types::UNKNOWN;
        case process::process_status::created: return containerd::v1::types::CREATED;
        case process::process_status::running: return containerd::v1::types::RUNNING;
        case process::process_status::stopped: return containerd::v1::types::STOPPED;
        case process::process_status::paused: return containerd::v1::types::PAUSED;
        case process::process_status::pausing: return containerd::v1::types::PAUSING;
    }
    return containerd::v1::types::UNKNOWN;
}

}  // namespace

result<process::create_request> to_create_request(containerd::task::v3::CreateTaskRequest& message, logger& log) {
    auto options = to_options(message.options(), log);
    if (!options) return options.error();
    process::create_request request;
    request.options = std::move(*options);
    request.id = std::move(*message.mutable_id());
    request.bundle = std::move(*message.mutable_bundle());
    for (auto& mount : *message.mutable_rootfs()) {
        std::vector<std::string> mount_options(mount.options().begin(), mount.options().end());
        request.rootfs.emplace_back(mount.type(), mount.source(), mount.target(), std::move(mount_options));
    }
    request.stdio = process::stdio_uris(message.stdin(), message.stdout(), message.stderr(), message.terminal());
    request.checkpoint = message.checkpoint();
    request.parent_checkpoint = message.parent_checkpoint();
    return request;
}

result<process::checkpoint_request> to_checkpoint_request(containerd::task::v3::CheckpointTaskRequest& message) {
    process::checkpoint_request request;
    request.id = std::move(*message.mutable_id());
    request.path = std::move(*message.mutable_path());
    const auto& any = message.options();
    if (any.value().empty()) return request;
    containerd::runc::v1::CheckpointOptions options;
    if (type_name(any.type_url()) != options.GetTypeName() || !options.ParseFromString(any.value())) {
        return error(errc::invalid_argument, "cannot decode " + any.type_url());
    }
    request.exit = options.exit();
    request.open_tcp = options.open_tcp();
    request.external_unix_sockets = options.external_unix_sockets();
    request.terminal = options.terminal();
    request.file_locks = options.file_locks();
    request.empty_namespaces.assign(options.empty_namespaces().begin(), options.empty_namespaces().end());
    request.cgroups_mode = options.cgroups_mode();
    request.image_path = options.image_path();
    request.work_path = options.work_path();
    request.parent_path = options.parent_path();
    return request;
}

process::exec_request to_exec_request(containerd::task::v3::ExecProcessRequest& message) {
    process::exec_request request;
    request.id = std::move(*message.mutable_id());
    request.exec_id = std::move(*message.mutable_exec_id());
    request.stdio = process::stdio_uris(message.stdin(), message.stdout(), message.stderr(), message.terminal());
    // Go ignores the type URL and parses the value as JSON; so do we.
    request.spec_json = std::move(*message.mutable_spec()->mutable_value());
    return request;
}

void fill(containerd::task::v3::StateResponse& message, const process::process_snapshot& snapshot) {
    message.set_id(snapshot.id);
    message.set_bundle(snapshot.bundle);
    message.set_pid(snapshot.pid);
    message.set_status(to_status(snapshot.status));
    message.set_stdin(snapshot.stdio.in);
    message.set_stdout(snapshot.stdio.out);
    message.set_stderr(snapshot.stdio.err);
    message.set_terminal(snapshot.stdio.terminal);
    message.set_exit_status(snapshot.exit_status);
    set_timestamp(*message.mutable_exited_at(), snapshot.exited_at);
}

}  // namespace vminit::api
