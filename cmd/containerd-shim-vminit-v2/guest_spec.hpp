// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "share_tree.hpp"
#include "vminit/core/result.hpp"

namespace vminit::shim {

/// What a path on this machine is, followed through symbolic links; or it is none of this machine but the guest's.
enum class source_kind { missing, file, big_file, directory, other, of_guest };

/// What the edits need to know of the world; tests answer instead of it.
struct guest_spec_input {
    std::string id;
    std::function<source_kind(const std::string& path)> kind_of;

    /// The guest's path for a namespace path of this machine (`/proc/<VMM's pid>/ns/pid` of a pod); empty: there is
    /// none.
    std::function<std::string(const std::string& type, const std::string& path)> namespace_path;

    /// Files that a pod has for its containers: place in the container → path on this machine.
    std::map<std::string, std::string> pod_files;

    std::string share_place;  ///< where the guest has this machine's directories, in its bundle; empty: it cannot
    std::string share_name;   ///< what their names there begin with
};

/// A file that travels with the bundle: the guest finds it beside its config.json.
struct bundle_file {
    bundle_file(std::string source, std::string name) : source(std::move(source)), name(std::move(name)) {}
    std::string source;
    std::string name;
    friend bool operator==(const bundle_file&, const bundle_file&) = default;
};

/// A directory, or a file too big to travel, that the guest finds as `name` in `share_place`.
struct shared_source {
    std::string name;
    std::string source;
    share_access access = share_access::read_write;
    share_depth depth = share_depth::with_submounts;
    friend bool operator==(const shared_source&, const shared_source&) = default;
};

struct guest_spec {
    std::string config_json;
    std::vector<bundle_file> files;
    std::vector<shared_source> shares;
    std::vector<std::string> remarks;  ///< what was left out or changed beyond the usual, for the log
};

/// A container's `config.json`, which is written for this machine, made into the guest's:
///
/// - `root.path` is the bundle's `rootfs`, the cgroup a plain path of ours;
/// - hooks are programs of this machine and go; so do network and cgroup namespaces, for the VM is the border;
/// - a pod's files are mounted where the container has nothing of its own;
/// - other namespaces with a path get the guest's path;
/// - bind mounts of small files become bundle files; directories and big files are shared. Where nothing can be shared,
///   and for sockets and devices: not_implemented naming the source, never dropped silently. A tmpfs stands in for a
///   bind of `/dev/shm`.
///
/// What the guest can judge better itself (labels, sysctls, device numbers, limits) is left to it. Errors:
/// invalid_argument for what is not an OCI spec; failed_precondition for a namespace that nobody in this VM has.
result<guest_spec> make_guest_spec(std::string_view config_json, const guest_spec_input& input);

}  // namespace vminit::shim
