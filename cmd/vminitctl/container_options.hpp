// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "command_set.hpp"
#include "oci_spec.hpp"

namespace vminit::vminitctl {

/// What `run` and `create` are told about the container.
struct container_options {
    std::string id;  ///< from --id or the NAME argument; made up if neither
    std::string name;
    std::string rootfs;
    std::string rootfs_type = "erofs";
    std::string image_config;  ///< a file; see image_config.hpp
    std::string spec_file;     ///< see spec_file.hpp
    std::string stdout_uri;    ///< for a container nobody is attached to
    std::string stderr_uri;
    bool read_only = false;
    bool privileged = false;
    bool has_init = false;
    spec_options spec;
};

/// What `Bundle.Create` and `Task.Create` need.
struct container_request {
    std::string id;
    std::string config_json;
    std::string user_name;  ///< which its init's numbers are looked up for; empty: it has them
    bool needs_init = false;  ///< which the guest must have for it
    std::vector<system::mount_entry> rootfs;
};

/// Options of a process, for `run`, `create` and `exec`.
void declare_process_options(CLI::App& command, process_options& process);

/// `--memory`, `--cpus` and `--pids`, for `run`, `create` and `update`.
void declare_resources(CLI::App& command, resource_options& resources);

/// Options of a container, for `run` and `create`, with the command line after `--`. `options` outlives the set.
void declare_container_options(command_set& commands, CLI::App& command, container_options& options);

/// Errors: invalid_argument for a bad id, rootfs or image configuration; those of reading it.
result<container_request> make_request(const container_options& options);

/// Whether `id` is what containerd takes as a container or exec id. Errors: invalid_argument naming `what`.
result<void> check_id(const std::string& id, std::string_view what);

}  // namespace vminit::vminitctl
