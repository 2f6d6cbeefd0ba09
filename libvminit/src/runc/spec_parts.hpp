// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "runc/spec_json.hpp"
#include "vminit/runc/machine_facts.hpp"
#include "vminit/runc/spec_fit.hpp"

/// `fit_spec` by subject. Each edits its part in place and says what it changed.
namespace vminit::runc {

// fit_process.cpp
result<void> fit_process(json::object& process, const process_facts& facts, remarks& said);

// fit_user.cpp
/// Numbers for the name in `process.user.username`, unless it has a uid.
result<void> fit_user(json::object& process, const std::string& root, const user_lookup& lookup);

// fit_resources.cpp
void fit_resources(json::object& resources, const machine_facts& facts, remarks& said);

// fit_devices.cpp
/// True if `spec` itself leaves its processes free to do with the machine what they want: CAP_SYS_ADMIN without a user
/// namespace, no masked and no read-only paths.
bool is_privileged(json::object& spec);
bool has_device(const machine_facts& facts, char type, std::uint64_t major, std::uint64_t minor);
void fit_devices(json::object& linux, const machine_facts& facts, remarks& said);
/// Every device allowed, and the machine's nodes in the container's /dev if that is a filesystem of its own.
void open_devices(json::object& linux, const machine_facts& facts, bool has_own_dev);

// fit_mounts.cpp
result<void> fit_mounts(json::array& mounts, const machine_facts& facts, const fit_options& options, remarks& said);
/// For a container in the machine's own cgroup namespace: its cgroup filesystem is the machine's, bound. A mount of cgroup2
/// there, without options as runtimes do it, would take nsdelegate and memory_recursiveprot from all (cgroups(7)).
void share_cgroups(json::array& mounts, const machine_facts& facts);
/// A /dev of its own for the container, with all that belongs to it, and the machine's resolv.conf. True if there is
/// one.
bool complete_mounts(json::array& mounts, const machine_facts& facts, const fit_options& options, remarks& said);

// fit_host_ties.cpp: what names programs, files and objects of the host.
void fit_version(json::object& spec, remarks& said);
void fit_hooks(json::object& spec, const machine_facts& facts, remarks& said);
void fit_cgroup_path(json::object& linux, remarks& said);
std::vector<network_parameter> fit_network(json::object& linux, const machine_facts& facts, remarks& said);
bool has_namespace(json::object& linux, std::string_view type);

}  // namespace vminit::runc
